// Package runner makes wanted environments actual: the loop of the agent that
// stands beside a Docker Engine or in a cluster.
//
// The one idea: nothing is remembered. What is wanted is asked of the server,
// what is there is asked of the engine (every container carries labels that say
// which start of which environment it is), and each environment has one worker
// that closes the difference. A runner or an engine that dies loses nothing: its
// successor looks again and continues.
//
//	r, err := runner.New(runner.Options{
//		ID: self.ID, Server: client, Driver: engine, Resolver: registries, Agents: sockets,
//	})
//	…
//	err = r.Run(ctx) // until ctx is done; containers keep running
//
// An image is used only after the registry has confirmed its digest to the
// environment's own credential, at every start, for tags and digests alike: what
// another environment pulled may lie in the engine's store, and presence is not
// permission.
package runner
