// Package drivertest holds what every runner.Driver must do, and a driver in memory
// that does it.
//
// The one idea: the runner's promises rest on a few properties of its driver (never
// two containers for one start, an exit code is seen, a credential does not stick),
// so each driver proves them on its real engine.
//
//	func TestDriver(t *testing.T) {
//		drivertest.Run(t, drivertest.Engine{
//			Driver: func(t *testing.T, id pullpass.RunnerID) runner.Driver { … },
//			Image:  "127.0.0.1:5000/team/app@sha256:…", Auth: good, Wrong: bad,
//			Serve: []string{"sh", "-c", "…"}, Exit7: []string{"sh", "-c", "exit 7"},
//		})
//	}
package drivertest
