package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v4"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/nearest"
)

// File is a YAML file whose keys are the long flags of one command. It is a
// kong.Resolver: a flag or a set environment variable goes before it.
type File struct {
	path    string
	command string
	values  map[string]any
}

// maxFile bounds a configuration file; a larger one is not one.
const maxFile = 1 << 20

// ReadFile reads the file of a command.
func ReadFile(command, path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &pullpass.Error{Kind: pullpass.Invalid, What: "cannot read the configuration", Err: err}
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if len(data) > maxFile {
		return nil, &pullpass.Error{
			Kind:  pullpass.Invalid,
			What:  "cannot read the configuration",
			Cause: path + " is larger than 1 MiB",
		}
	}
	return parseFile(command, path, data)
}

func parseFile(command, path string, data []byte) (*File, error) {
	values := map[string]any{}
	err := yaml.NewDecoder(bytes.NewReader(data)).Decode(&values)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, &pullpass.Error{
			Kind: pullpass.Invalid, What: "cannot read the configuration",
			Cause: path + " is not a YAML mapping of options to values",
			Hint:  "each key is a long flag without its dashes: listen: 127.0.0.1:8420",
		}
	}
	return &File{path: path, command: command, values: values}, nil
}

// Resolve implements kong.Resolver.
func (f *File) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, env := range flag.Envs {
		if _, set := os.LookupEnv(env); set {
			return nil, nil
		}
	}
	value, ok := f.values[flag.Name]
	if !ok {
		return nil, nil
	}
	return plain(value, string(flag.Tag.Sep))
}

// plain turns a YAML value into the text that a flag takes; a list is written
// with the flag's own separator.
func plain(value any, sep string) (any, error) {
	switch v := value.(type) {
	case []any:
		var items []string
		for _, item := range v {
			text, err := plain(item, sep)
			if err != nil {
				return nil, err
			}
			items = append(items, fmt.Sprint(text))
		}
		return strings.Join(items, sep), nil
	case map[string]any:
		var parts []string
		for _, key := range sortedKeys(v) {
			parts = append(parts, fmt.Sprintf("%s=%v", key, v[key]))
		}
		return strings.Join(parts, ","), nil
	case nil:
		return nil, errors.New("has no value in the file")
	default:
		return fmt.Sprint(v), nil
	}
}

// Validate implements kong.Resolver: a key that is no flag of the command is a
// mistake that would otherwise be obeyed silently.
func (f *File) Validate(app *kong.Application) error {
	known := f.flags(app)
	var p problems
	for _, key := range sortedKeys(f.values) {
		if !slices.Contains(known, key) {
			p.add(key, "unknown key in "+f.path+didYouMean(key, known))
		}
	}
	return p.err()
}

// didYouMean offers the option that was most likely meant.
func didYouMean(key string, known []string) string {
	if near := nearest.Word(key, known); near != "" {
		return ", did you mean " + near + "?"
	}
	return ""
}

func (f *File) flags(app *kong.Application) []string {
	var names []string
	for _, flag := range app.Flags { // of every command; of these a file may set one
		if flag.Name == "ca-file" {
			names = append(names, flag.Name)
		}
	}
	for _, leaf := range app.Leaves(false) {
		if leaf.Name != f.command && (leaf.Parent == nil || leaf.Parent.Name != f.command) {
			continue
		}
		for _, flag := range leaf.Flags {
			names = append(names, flag.Name)
		}
	}
	return names
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
