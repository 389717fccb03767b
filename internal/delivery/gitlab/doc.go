// Package gitlab says what a GitLab installation needs so that its jobs use private
// registries: the parts of the runner's config.toml, what job hosts fetch when they
// start, and the job's own side. Check says, in each of the three places where a job
// touches a registry, what is missing there.
//
// The one idea: there are three contexts, and they share nothing. The runner resolves
// the job's image and services, with its own PATH and HOME; the job host has the Docker
// Engine, and an identity that job containers can borrow; the job container has the
// docker command of the script. What belongs to which is what people search for.
//
//	for _, part := range gitlab.Parts(gitlab.Options{Server: url, Executor: "docker"}) {
//		fmt.Println(part.File, part.Text)
//	}
package gitlab
