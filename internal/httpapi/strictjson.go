package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

const maxDepth = 32

// errBody says what is wrong with a body without repeating any of it.
type errBody string

func (e errBody) Error() string { return string(e) }

// jsonFormat reads JSON more strictly than encoding/json: it has to be UTF-8
// without NUL, shallow, and say everything once, so that two readers of one body
// cannot disagree about it.
func jsonFormat() huma.Format {
	return huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshal}
}

// unmarshal is called twice for a body: first into an any for validation, then
// into the struct. The first call has checked the form.
func unmarshal(data []byte, v any) error {
	if _, first := v.(*any); first {
		if !utf8.Valid(data) {
			return errBody("the body is not UTF-8")
		}
		if err := checkForm(data); err != nil {
			return err
		}
	}
	if err := json.Unmarshal(data, v); err != nil {
		return explainJSON(err)
	}
	return nil
}

func explainJSON(err error) error {
	var number *json.UnmarshalTypeError
	if errors.As(err, &number) {
		return errBody("a number in the body is out of range, or a value has the wrong type")
	}
	var invalid errBody
	if errors.As(err, &invalid) {
		return invalid
	}
	return errBody("the body is not JSON")
}

// checkForm walks the tokens once. Objects are told from arrays by whether they
// have a set of seen names.
func checkForm(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var open []*object
	for {
		t, err := dec.Token()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return errBody("the body is not JSON")
		}
		if d, ok := t.(json.Delim); ok && (d == '}' || d == ']') {
			open = open[:len(open)-1]
			continue
		}
		if len(open) > 0 {
			name, err := open[len(open)-1].take(t)
			if err != nil {
				return err
			}
			if name {
				continue
			}
		}
		if text, ok := t.(string); ok && strings.ContainsRune(text, 0) {
			return errBody("a text in the body holds a NUL")
		}
		if d, ok := t.(json.Delim); ok {
			if len(open) == maxDepth {
				return errBody("the body is nested too deeply")
			}
			open = append(open, &object{array: d == '['})
		}
	}
}

// object is an open object or array while its tokens are walked.
type object struct {
	array   bool
	value   bool // the next token is a value, not a name
	names   []string
	nameSet map[string]struct{} // instead of names, when there are many
}

const fewNames = 16

// take tells whether t is a name in o, and refuses a name that o has already.
func (o *object) take(t json.Token) (name bool, err error) {
	if o.array {
		return false, nil
	}
	if o.value {
		o.value = false
		return false, nil
	}
	o.value = true
	text, _ := t.(string)
	if strings.ContainsRune(text, 0) {
		return true, errBody("a name in the body holds a NUL")
	}
	if o.has(text) {
		return true, errBody("duplicate key in one object")
	}
	return true, nil
}

func (o *object) has(name string) bool {
	if o.nameSet != nil {
		_, twice := o.nameSet[name]
		o.nameSet[name] = struct{}{}
		return twice
	}
	for _, n := range o.names {
		if n == name {
			return true
		}
	}
	o.names = append(o.names, name)
	if len(o.names) > fewNames {
		o.nameSet = make(map[string]struct{}, 2*len(o.names))
		for _, n := range o.names {
			o.nameSet[n] = struct{}{}
		}
	}
	return false
}
