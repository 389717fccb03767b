package httpapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
)

const maxDetails = 20

// echoless turns what huma refuses by itself into our problems. huma repeats the
// rejected value, which may be a password in the wrong place; not even the name
// of an unknown field is repeated.
type echoless struct{ schemas huma.Registry }

func (e echoless) transform(ctx huma.Context, _ string, v any) (any, error) {
	model, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := &problem{Problem: api.Problem{
		Type: "about:blank", Title: http.StatusText(model.Status), Status: model.Status, Kind: kindOf(model.Status),
		Code: "request_invalid", Detail: "the request cannot be understood",
	}}
	switch {
	case p.Kind == pullpass.Internal:
		req, _ := unwrap(ctx)
		p.Problem = internalProblem(requestID(req.Context()))
		return p, nil
	case model.Status == http.StatusUnsupportedMediaType:
		p.Cause, p.Hint = "its content type is not JSON", "send Content-Type: "+api.ContentType
		return p, nil
	case len(model.Errors) == 0:
		p.Cause = "it has no body"
		return p, nil
	}
	for _, d := range model.Errors[:min(len(model.Errors), maxDetails)] {
		p.Errors = append(p.Errors, e.detail(ctx.Operation(), d))
	}
	return p, nil
}

func (e echoless) detail(op *huma.Operation, d *huma.ErrorDetail) api.ProblemDetail {
	where, declared := e.place(op, d.Location)
	switch {
	case d.Message == "unexpected property":
		return api.ProblemDetail{Location: where, Message: "there is a field that is not known here; known are " + e.fieldsAt(op, where)}
	case d.Message == "unknown query parameter":
		return api.ProblemDetail{Location: "query", Message: "there is a parameter that is not known here"}
	case !declared:
		return api.ProblemDetail{Location: where, Message: "a value below has the wrong type or form"}
	}
	return api.ProblemDetail{Location: where, Message: d.Message}
}

// place keeps of a location what the document declares; the rest was invented by
// whoever sent it.
func (e echoless) place(op *huma.Operation, location string) (where string, declared bool) {
	kind, rest, _ := strings.Cut(location, ".")
	if kind != "body" {
		known := slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool { return p.In == kind && p.Name == rest })
		if !known {
			return kind, false
		}
		return location, true
	}
	where = kind
	schema := bodySchema(op)
	for step := range strings.SplitSeq(rest, ".") {
		if step == "" {
			continue
		}
		name, _, _ := strings.Cut(step, "[")
		next := e.property(schema, name)
		if next == nil {
			return where, false
		}
		where += "." + step
		schema = next
	}
	return where, true
}

func (e echoless) fieldsAt(op *huma.Operation, where string) string {
	schema := bodySchema(op)
	for step := range strings.SplitSeq(strings.TrimPrefix(where, "body"), ".") {
		if name, _, _ := strings.Cut(step, "["); name != "" {
			schema = e.property(schema, name)
		}
	}
	schema = e.object(schema)
	if schema == nil {
		return "none"
	}
	names := make([]string, 0, len(schema.Properties))
	for name := range schema.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// bodySchema returns the schema of an operation's body.
func bodySchema(op *huma.Operation) *huma.Schema {
	if op.RequestBody == nil || op.RequestBody.Content[api.ContentType] == nil {
		return nil
	}
	return op.RequestBody.Content[api.ContentType].Schema
}

// property returns the schema of a declared field, nil for others.
func (e echoless) property(schema *huma.Schema, name string) *huma.Schema {
	if schema = e.object(schema); schema == nil {
		return nil
	}
	return schema.Properties[name]
}

// object follows references and lists to the object inside.
func (e echoless) object(schema *huma.Schema) *huma.Schema {
	for schema != nil {
		switch {
		case schema.Ref != "":
			schema = e.schemas.SchemaFromRef(schema.Ref)
		case schema.Items != nil:
			schema = schema.Items
		default:
			return schema
		}
	}
	return nil
}
