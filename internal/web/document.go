package web

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// description is the OpenAPI document as the page tells it.
type description struct {
	Title   string
	Version string
	About   []string // paragraphs
	Groups  []group
	Schemas []schema
}

// group is the operations of one tag.
type group struct {
	Name       string
	About      string
	Operations []operation
}

// operation is one method of one path.
type operation struct {
	ID, Method, Path string
	Summary          string
	About            []string
	Permission       string
	Parameters       []field
	Body             typed
	Status           string
	Answer           typed
}

// schema is an object that operations share.
type schema struct {
	Name   string
	Fields []field
}

// field is a parameter, or a field of an object.
type field struct {
	Name     string
	In       string // of a parameter: path or query
	Type     typed
	Required bool
	Secret   bool
	About    string
}

// typed is a type in words, with the schema that it links to, if any.
type typed struct {
	Before string // "list of "
	Ref    string // name of a schema
	Text   string // where there is no schema
}

// Given reports whether there is a type to show.
func (t typed) Given() bool { return t.Ref != "" || t.Text != "" }

type rawDocument struct {
	Info struct {
		Title, Version, Description string
	}
	Tags       []struct{ Name, Description string }
	Paths      map[string]map[string]rawOperation
	Components struct{ Schemas map[string]rawSchema }
}

type rawOperation struct {
	OperationID string
	Summary     string
	Description string
	Tags        []string
	Permission  string `json:"x-permission"`
	Parameters  []struct {
		Name, In, Description string
		Required              bool
		Schema                rawSchema
	}
	RequestBody struct{ Content map[string]rawContent }
	Responses   map[string]struct{ Content map[string]rawContent }
}

type rawContent struct{ Schema rawSchema }

type rawSchema struct {
	Ref                  string `json:"$ref"`
	Type                 any    // a name, or a list with null
	Format               string
	ContentEncoding      string
	Description          string
	Enum                 []any
	Items                *rawSchema
	Properties           map[string]rawSchema
	AdditionalProperties any
	Required             []string
	WriteOnly            bool
}

// parse reads the document. Paths and fields come in the order of their names,
// groups in the order of the document's tags.
func parse(document []byte) (description, error) {
	var raw rawDocument
	if err := json.Unmarshal(document, &raw); err != nil {
		return description{}, err
	}
	d := description{Title: raw.Info.Title, Version: raw.Info.Version, About: paragraphs(raw.Info.Description)}
	for _, tag := range raw.Tags {
		d.Groups = append(d.Groups, group{tag.Name, tag.Description, operationsOf(raw, tag.Name)})
	}
	for _, name := range slices.Sorted(maps.Keys(raw.Components.Schemas)) {
		d.Schemas = append(d.Schemas, schema{name, fieldsOf(raw.Components.Schemas[name])})
	}
	return d, nil
}

func operationsOf(raw rawDocument, tag string) []operation {
	order := map[string]int{"post": 1, "get": 2, "put": 3, "patch": 4, "delete": 5}
	var all []operation
	for _, path := range slices.Sorted(maps.Keys(raw.Paths)) {
		methods := slices.SortedFunc(
			maps.Keys(raw.Paths[path]),
			func(a, b string) int { return cmp.Compare(order[a], order[b]) },
		)
		for _, method := range methods {
			if op := raw.Paths[path][method]; slices.Contains(op.Tags, tag) {
				all = append(all, newOperation(method, path, op))
			}
		}
	}
	return all
}

func newOperation(method, path string, raw rawOperation) operation {
	op := operation{
		ID: raw.OperationID, Method: strings.ToUpper(method), Path: path, Summary: raw.Summary,
		About: paragraphs(raw.Description), Permission: raw.Permission, Body: contentOf(raw.RequestBody.Content),
	}
	for _, p := range raw.Parameters {
		op.Parameters = append(
			op.Parameters,
			field{Name: p.Name, In: p.In, Type: typeOf(p.Schema), Required: p.Required, About: p.Description},
		)
	}
	for _, status := range slices.Sorted(maps.Keys(raw.Responses)) {
		if strings.HasPrefix(status, "2") {
			op.Status, op.Answer = status, contentOf(raw.Responses[status].Content)
		}
	}
	return op
}

func contentOf(content map[string]rawContent) typed {
	for _, c := range content {
		return typeOf(c.Schema) // there is one content type: JSON
	}
	return typed{}
}

func fieldsOf(s rawSchema) []field {
	var fields []field
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		fields = append(fields, field{
			Name: name, Type: typeOf(p), Required: slices.Contains(s.Required, name),
			Secret: p.Format == "password", About: p.Description,
		})
	}
	return fields
}

func typeOf(s rawSchema) typed {
	switch {
	case s.Ref != "":
		return typed{Ref: s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]}
	case s.Items != nil:
		t := typeOf(*s.Items)
		t.Before = "list of " + t.Before
		return t
	case len(s.Enum) > 0:
		words := make([]string, len(s.Enum))
		for i, v := range s.Enum {
			words[i], _ = v.(string)
		}
		return typed{Text: strings.Join(words, " | ")}
	case s.Format == "date-time":
		return typed{Text: "time"}
	case s.Format == "password":
		return typed{Text: "secret"}
	case s.ContentEncoding != "":
		return typed{Text: s.ContentEncoding}
	}
	name := nameOf(s.Type)
	if name == "object" && s.AdditionalProperties != nil {
		return typed{Text: "map of strings"}
	}
	return typed{Text: name}
}

// nameOf takes the type that is not null.
func nameOf(t any) string {
	if name, ok := t.(string); ok {
		return name
	}
	list, _ := t.([]any)
	for _, item := range list {
		if name, ok := item.(string); ok && name != "null" {
			return name
		}
	}
	return ""
}

func paragraphs(text string) []string {
	var all []string
	for p := range strings.SplitSeq(text, "\n\n") {
		if p = strings.TrimSpace(p); p != "" {
			all = append(all, p)
		}
	}
	return all
}
