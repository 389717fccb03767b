package config

import (
	"fmt"
	"reflect"
	"strings"
)

// Option is one row of the table of options.
type Option struct {
	Flag, Env, Default, Help string
}

// Options reads the rows from the tags of a struct such as Server.
func Options(of any) []Option {
	return optionsOf(reflect.TypeOf(of))
}

func optionsOf(t reflect.Type) []Option {
	var rows []Option
	for i := range t.NumField() {
		field := t.Field(i)
		if field.Anonymous {
			rows = append(rows, optionsOf(field.Type)...)
			continue
		}
		name := field.Tag.Get("name")
		if name == "" {
			name = kebab(field.Name)
		}
		rows = append(rows, Option{
			Flag:    "--" + name,
			Env:     field.Tag.Get("env"),
			Default: field.Tag.Get("default"),
			Help:    strings.ReplaceAll(field.Tag.Get("help"), "${enum}", field.Tag.Get("enum")),
		})
	}
	return rows
}

// kebab is how a field name reads as a flag: LogLevel is log-level.
func kebab(name string) string {
	var b strings.Builder
	for i, r := range name {
		upper := r >= 'A' && r <= 'Z'
		if upper && i > 0 && name[i-1] >= 'a' && name[i-1] <= 'z' {
			b.WriteByte('-')
		}
		if upper {
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Markdown renders rows as a table for the documentation.
func Markdown(rows []Option, vars map[string]string) string {
	var b strings.Builder
	b.WriteString("| flag | environment variable | default | what it does |\n|---|---|---|---|\n")
	for _, r := range rows {
		def := r.Default
		for name, value := range vars {
			def = strings.ReplaceAll(def, "${"+name+"}", value)
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", r.Flag, r.Env, code(def), r.Help)
	}
	return b.String()
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}
