// Package reserve keeps room on the disk of a database for what must not fail when
// everybody else has filled it.
//
// The one idea: a file that holds nothing takes the room while there is enough. When
// the disk fills up, ordinary writes are refused first (Room); what goes on (issuing a
// credential, its audit record, taking something away) gets the file's room piece by
// piece (Ensure). With room again the file grows back, and ordinary writes go on.
//
//	disk, err := reserve.Open(dir, reserve.Options{Logger: log})
//	go disk.Run(ctx)
//	disk.Ensure()                               // before any write
//	if err := disk.Room(); err != nil { … }     // before one that can wait
package reserve
