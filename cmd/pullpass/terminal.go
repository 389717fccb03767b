package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"golang.org/x/term"

	"github.com/pullpass/pullpass/internal/printable"
)

// terminal is where a command reads and writes: data goes to out, talk to the
// person goes to talk, so that a pipe carries data only.
type terminal struct {
	in   io.Reader
	out  io.Writer // text for a person: what a screen would obey is escaped
	raw  io.Writer // the same place for data that must stay as it is
	talk io.Writer // through say, or escaped by whoever writes
	json bool
}

func newTerminal(in io.Reader, out, talk io.Writer, asJSON bool) *terminal {
	return &terminal{in: in, out: printable.NewWriter(out), raw: out, talk: talk, json: asJSON}
}

// say tells the person something; with --json nobody reads it.
func (t *terminal) say(format string, args ...any) {
	if !t.json {
		_, _ = io.WriteString(t.talk, printable.EscapeText(fmt.Sprintf(format+"\n", args...)))
	}
}

// show prints data: as JSON where that was asked for, otherwise as human writes it.
func (t *terminal) show(data any, human func(io.Writer)) error {
	if !t.json {
		human(t.out)
		return nil
	}
	return t.encode(data)
}

// encode prints data as JSON whatever was asked for.
func (t *terminal) encode(data any) error {
	enc := json.NewEncoder(printable.JSONWriter{To: t.raw})
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(data)
}

// line prints data as JSON on one line.
func (t *terminal) line(data any) error {
	return json.NewEncoder(printable.JSONWriter{To: t.raw}).Encode(data)
}

// list prints rows in columns; an empty list says how to add the first one.
func (t *terminal) list(data any, header []string, rows [][]string, howToAdd string) error {
	return t.show(data, func(w io.Writer) {
		if len(rows) == 0 {
			t.say("Nothing here yet. %s", howToAdd)
			return
		}
		columns(w, append([][]string{header}, rows...))
	})
}

func columns(w io.Writer, rows [][]string) {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			if i > 0 {
				_, _ = fmt.Fprint(tw, "\t")
			}
			_, _ = io.WriteString(tw, printable.Escape(cell))
		}
		_, _ = fmt.Fprintln(tw)
	}
	_ = tw.Flush()
}

// facts prints names and values of one thing, a line each; empty values are left out.
func facts(w io.Writer, pairs ...string) {
	var rows [][]string
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			rows = append(rows, []string{pairs[i] + ":", pairs[i+1]})
		}
	}
	columns(w, rows)
}

// isTerminal reports whether f is a person's screen or keyboard.
func isTerminal(f any) bool {
	file, ok := f.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
