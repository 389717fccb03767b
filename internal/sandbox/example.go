package sandbox

import _ "embed"

//go:embed example.yaml
var example []byte

// Example is a configuration file with every setting in it, explained: what
// Default says, and the rest as comments.
func Example() []byte { return example }
