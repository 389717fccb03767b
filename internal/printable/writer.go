package printable

import (
	"fmt"
	"io"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

// Writer passes text on to a screen as EscapeText shows it. A character that two
// writes share is put together again; several goroutines may write.
type Writer struct {
	mu   sync.Mutex
	to   io.Writer
	rest []byte // the beginning of a character
}

// NewWriter returns a Writer to w.
func NewWriter(w io.Writer) *Writer { return &Writer{to: w} }

// Write escapes p and passes it on.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := append(w.rest, p...)
	whole := len(all)
	for back := 1; back < utf8.UTFMax && back <= len(all); back++ {
		if utf8.RuneStart(all[len(all)-back]) {
			if !utf8.FullRune(all[len(all)-back:]) {
				whole -= back
			}
			break
		}
	}
	text := EscapeText(string(all[:whole]))
	w.rest = append([]byte(nil), all[whole:]...)
	if _, err := io.WriteString(w.to, text); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close passes on what no later write has completed. It does not close what is
// written to.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := EscapeText(string(w.rest))
	w.rest = nil
	_, err := io.WriteString(w.to, text)
	return err
}

// JSON writes as \uXXXX what is not printable in a JSON text: it means the same
// to every program, and nothing to a terminal.
func JSON(text []byte) []byte {
	if clean(string(text), true) {
		return text
	}
	out := make([]byte, 0, len(text)+64)
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case keep(r, true):
			out = append(out, text[i:i+size]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		i += size
	}
	return out
}

// JSONWriter is a Writer for whole JSON texts: one write each.
type JSONWriter struct{ To io.Writer }

// Write passes p on with JSON.
func (w JSONWriter) Write(p []byte) (int, error) {
	if _, err := w.To.Write(JSON(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}
