package printable_test

import (
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"
	"unicode/utf8"

	"github.com/pullpass/pullpass/internal/printable"
)

// attacks are what terminals obey or readers cannot see.
var attacks = map[string]string{
	"clipboard":       "\x1b]52;c;cm0gLXJmIC8=\x07",
	"clear screen":    "\x1b[2J\x1b[H",
	"title":           "\x1b]0;root\x1b\\",
	"C1 CSI":          "\u009b31m",
	"raw C1 byte":     "\x9b31m",
	"carriage return": "good\rbad",
	"backspace":       "bad\b\b\bgood",
	"bell, NUL, DEL":  "\a\x00\x7f",
	"right to left":   "\u202egpj.exe",
	"isolates":        "\u2066x\u2069",
	"marks":           "\u200e\u200f\u061c",
	"line separators": "a\u2028b\u2029c",
	"zero width":      "pull\u200bpass\ufeff",
	"tags":            "\U000e0041",
	"private use":     "\ue000",
	"half a rune":     "\xe2\x80",
}

func TestAttacksDoNotPass(t *testing.T) {
	for name, attack := range attacks {
		if printable.Only(attack) {
			t.Errorf("%s: Only says that it is printable", name)
		}
		wrapped := "ä " + attack + " 日本"
		for form, got := range map[string]string{
			"Line": printable.Line(wrapped, 0), "Text": printable.Text(wrapped, 0),
			"Escape": printable.Escape(wrapped), "EscapeText": printable.EscapeText(wrapped),
			"JSON": string(printable.JSON([]byte(strings.ToValidUTF8(wrapped, "?")))),
		} {
			if !printable.Only(got) {
				t.Errorf("%s: %s lets %q through", name, form, got)
			}
			if !strings.HasPrefix(got, "ä ") || !strings.HasSuffix(got, " 日本") {
				t.Errorf("%s: %s = %q: the text around is gone", name, form, got)
			}
		}
	}
}

// TestIs holds the rule against the tables of Unicode, for every character.
func TestIs(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !printable.Is(r) {
			continue
		}
		if unicode.In(r, unicode.C, unicode.Zl, unicode.Zp, unicode.Bidi_Control) || !utf8.ValidRune(r) {
			t.Fatalf("Is(%U) = true", r)
		}
	}
	for _, r := range "aZ9 ~äß日本語🎉\u00a0\u0301" {
		if !printable.Is(r) {
			t.Errorf("Is(%q) = false", r)
		}
	}
}

func TestForms(t *testing.T) {
	const s = "a\tb\n\x1b[2Jc\xff\u202e\U000e0041"
	for _, c := range []struct{ form, got, want string }{
		{"Line", printable.Line(s, 0), "a b [2Jc"},
		{"Line cut", printable.Line("ääää", 5), "ää…"},
		{"Text", printable.Text(s, 0), "a\tb\n[2Jc"},
		{"Text cut", printable.Text(s, 4), "a\tb\n…"},
		{"Escape", printable.Escape(s), `a b \u001b[2Jc\xff\u202e\U000e0041`},
		{"EscapeText", printable.EscapeText(s), "a\tb\n" + `\u001b[2Jc\xff\u202e\U000e0041`},
		{"Truncate", printable.Truncate("日本", 4), "日…"},
		{"Truncate short", printable.Truncate("日本", 6), "日本"},
	} {
		if c.got != c.want {
			t.Errorf("%s = %q, want %q", c.form, c.got, c.want)
		}
	}
}

func TestJSONMeansTheSame(t *testing.T) {
	for name, attack := range attacks {
		text, err := json.Marshal(map[string]string{"a": attack})
		if err != nil {
			t.Fatal(err)
		}
		var before, after map[string]string
		if err := json.Unmarshal(text, &before); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(printable.JSON(text), &after); err != nil || !reflect.DeepEqual(before, after) {
			t.Errorf("%s: JSON reads as %q, %v; want %q", name, after, err, before)
		}
	}
}

// TestWriter cuts a stream in every way: a character that two writes share is not
// torn, and an escape sequence is not put together behind the filter's back.
func TestWriter(t *testing.T) {
	const stream = "日本\x1b[2Jä\u009b\u202eend\xe2\x80"
	const want = "日本" + `\u001b[2Jä\u009b\u202eend\xe2\x80`
	for name, r := range map[string]io.Reader{
		"whole": strings.NewReader(stream), "bytes": iotest.OneByteReader(strings.NewReader(stream)), "halves": iotest.HalfReader(strings.NewReader(stream)),
	} {
		var b strings.Builder
		w := printable.NewWriter(&b)
		buffer := make([]byte, 64)
		for {
			n, err := r.Read(buffer)
			if wrote, err := w.Write(buffer[:n]); err != nil || wrote != n {
				t.Fatalf("%s: Write = %d, %v, want %d", name, wrote, err, n)
			}
			if err != nil {
				break
			}
		}
		if err := w.Close(); err != nil || b.String() != want {
			t.Errorf("%s: %q, %v, want %q", name, b.String(), err, want)
		}
	}
}

func TestStruct(t *testing.T) {
	type inner struct{ Text string }
	type kind string
	type all struct {
		Kind   kind
		List   []inner
		Ptr    *inner
		Map    map[string]inner
		Bytes  []byte
		Number int
	}
	bad := "a\x1b\u202e"
	got := all{kind(bad), []inner{{bad}}, &inner{bad}, map[string]inner{bad: {bad}}, []byte(bad), 7}
	printable.Struct(&got, 100)
	want := all{"a", []inner{{"a"}}, &inner{"a"}, map[string]inner{"a": {"a"}}, []byte(bad), 7}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Struct = %+v, want %+v", got, want)
	}
	long := inner{strings.Repeat("x", 50)}
	if printable.Struct(&long, 10); long.Text != "xxxxxxxxxx…" {
		t.Errorf("Struct leaves %q", long.Text)
	}
}

func FuzzPrintable(f *testing.F) {
	for _, attack := range attacks {
		f.Add(attack, 3)
	}
	f.Fuzz(func(t *testing.T, s string, limit int) {
		for _, got := range []string{printable.Line(s, limit), printable.Escape(s)} {
			if !printable.Only(got) {
				t.Errorf("%q becomes %q", s, got)
			}
		}
		if printable.Only(s) && (printable.Escape(s) != s || printable.Line(s, 0) != s) {
			t.Errorf("%q is printable and changed", s)
		}
	})
}
