// Package docker runs containers on a Docker Engine: the runner.Driver beside one.
//
// The one idea: the engine's labels are the only memory. Every container says
// which runner, environment, service and start it belongs to, its name is made of
// the same parts, so the engine itself refuses a second one; and a registry
// credential is an argument of the pull call and of nothing else.
//
//	engine, err := docker.New(docker.Options{Host: os.Getenv("DOCKER_HOST"), Runner: self.ID})
//	…
//	defer engine.Close()
//	err = engine.Pull(ctx, runner.PullRequest{Reference: "…/team/app@sha256:…", Auth: auth})
//	a, err := engine.Start(ctx, runner.StartRequest{…})
//
// API versions 1.40 (Docker 19.03) and later are spoken; the version is negotiated.
package docker
