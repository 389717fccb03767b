// Package printable keeps text that others wrote from acting on the screen that
// shows it.
//
// The one idea: a terminal obeys what it prints. A runner, a container, a
// registry or the author of a policy who gets ESC ]52;c;… into a table of ours
// writes the reader's clipboard, ESC [2J wipes the lines above, ESC ]0;… renames
// the window, U+009B does the same in one character (C1 controls), and U+202E
// turns the rest of the line around, so that one file name reads like another
// (CVE-2021-42574). So whatever was written by others loses such characters when
// it comes in, and whatever goes to a person shows them as \u001b instead.
//
//	status.Message = printable.Text(status.Message, 4096)  // on the way in: removed
//	printable.Struct(&report, 8<<10)                       // every string of it
//	fmt.Fprintln(w, printable.Escape(name))                // on the way out: shown
//	out := printable.NewWriter(os.Stdout)                  // a stream: \n and \t stay
package printable
