// Package agent keeps the agent sockets: one unix socket for each environment, in a
// directory of its own that the environment's containers mount at /run/pullpass.
//
// The one idea: the mount is the identity. Whoever can open the socket is inside
// that environment, so nothing else has to be proved and no token lies in a variable
// or a file. On the host the directories lie below one that only the runner's user
// (and root, as the engine is) may enter; in a container any user may connect.
//
//	sockets, err := agent.New(agent.Options{Dir: "/var/lib/pullpass/runner/agents", Server: server})
//	…
//	mounts, err := sockets.Open(ctx, environment) // for the container
//
// Inside:
//
//	curl --unix-socket /run/pullpass/agent.sock http://pullpass/v1/self
//
// It is the directory that is mounted, not the socket: a runner that starts again
// listens again in the same directory, and the containers that run see the new
// socket, where a mounted file would be the dead old one for ever.
//
// What the socket gives is issued for the person inside (registries with inside:
// login), never the credential that started the environment.
package agent
