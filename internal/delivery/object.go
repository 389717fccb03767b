package delivery

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// object is a JSON object whose members keep their order and their text.
type object struct{ members []member }

type member struct {
	key   string
	value json.RawMessage
}

// parseObject reads one object. Its errors do not repeat the text: it may hold a
// password.
func parseObject(text []byte) (object, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	open, err := dec.Token()
	if err != nil || open != json.Delim('{') {
		return object{}, errors.New("it is not a JSON object")
	}
	var o object
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return object{}, garbled(dec)
		}
		name, isText := key.(string) // it is, or Token fails
		m := member{key: name}
		if !isText || dec.Decode(&m.value) != nil {
			return object{}, garbled(dec)
		}
		if o.find(m.key) >= 0 {
			return object{}, fmt.Errorf("duplicate key %q", m.key)
		}
		o.members = append(o.members, m)
	}
	if _, err := dec.Token(); err != nil {
		return object{}, garbled(dec)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return object{}, errors.New("something follows the JSON object")
	}
	return o, nil
}

func garbled(dec *json.Decoder) error {
	return fmt.Errorf("it is not JSON from byte %d on", dec.InputOffset())
}

func (o *object) find(key string) int {
	return slices.IndexFunc(o.members, func(m member) bool { return m.key == key })
}

// field finds a member as Go's JSON decoder does, and with it docker: an exact name
// or one that differs in case only.
func (o *object) field(name string) int {
	if i := o.find(name); i >= 0 {
		return i
	}
	return slices.IndexFunc(o.members, func(m member) bool { return strings.EqualFold(m.key, name) })
}

func (o *object) set(at int, key string, value json.RawMessage) {
	if at < 0 {
		o.members = append(o.members, member{key, value})
		return
	}
	o.members[at].value = value
}

func (o *object) raw() json.RawMessage {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o.members {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(encoded(m.key))
		b.WriteByte(':')
		b.Write(m.value)
	}
	b.WriteByte('}')
	return b.Bytes()
}

// encoded is JSON without the escapes that are for HTML.
func encoded(v any) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil { // strings and maps of strings always encode
		return nil
	}
	return bytes.TrimSpace(b.Bytes())
}
