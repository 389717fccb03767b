package spec

import (
	"encoding/json"
	"path"
	"slices"
	"sync"

	"github.com/compose-spec/compose-go/v2/schema"
)

// composeServiceKeys and composeBuildKeys come from the schema of the Compose
// specification, which compose-go carries.
var (
	composeServiceKeys = sync.OnceValue(func() []string { return schemaKeys("service") })
	composeBuildKeys   = sync.OnceValue(func() []string { return schemaKeys("build") })
)

// schemaKeys are the properties of a definition of the schema, or of its property of
// that name, those of what it is made of among them.
func schemaKeys(name string) []string {
	type definition struct {
		Ref        string                `json:"$ref"`
		Properties map[string]definition `json:"properties"`
		AllOf      []definition          `json:"allOf"`
		OneOf      []definition          `json:"oneOf"`
	}
	var document struct {
		Defs map[string]definition `json:"$defs"`
	}
	if err := json.Unmarshal([]byte(schema.Schema), &document); err != nil {
		return nil
	}
	var keys []string
	var collect func(definition, int)
	collect = func(d definition, depth int) {
		if depth > 10 {
			return
		}
		if d.Ref != "" {
			collect(document.Defs[path.Base(d.Ref)], depth+1)
		}
		for key := range d.Properties {
			keys = append(keys, key)
		}
		for _, part := range slices.Concat(d.AllOf, d.OneOf) {
			collect(part, depth+1)
		}
	}
	start, ok := document.Defs[name]
	for _, d := range document.Defs {
		if !ok && len(d.Properties[name].OneOf) > 0 {
			start, ok = d.Properties[name], true
		}
	}
	collect(start, 0)
	slices.Sort(keys)
	return slices.Compact(keys)
}
