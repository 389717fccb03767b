package delivery

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pullpass/pullpass"
)

// The fields that all forms share.
const (
	fieldHelpers = "credHelpers"
	fieldStore   = "credsStore"
	fieldAuths   = "auths"
)

// Config is a docker config.json, a containers auth.json or a DOCKER_AUTH_CONFIG:
// they have one grammar. Keys that are unknown here are kept.
type Config struct {
	root    object
	indent  string
	changes []string
}

// ParseConfig reads a configuration; of empty text it makes a new one. Its errors
// do not repeat the text.
func ParseConfig(text []byte) (*Config, error) {
	c := &Config{indent: "\t"}
	if len(bytes.TrimSpace(text)) == 0 {
		return c, nil
	}
	var err error
	if c.root, err = parseObject(text); err != nil {
		return nil, err
	}
	for _, name := range []string{fieldHelpers, fieldAuths} {
		if _, err := c.section(name); err != nil {
			return nil, err
		}
	}
	if _, err := c.Store(); err != nil {
		return nil, err
	}
	c.indent = indentOf(text)
	return c, nil
}

// indentOf is how the file is indented: docker uses a tab, people two spaces.
func indentOf(text []byte) string {
	for line := range bytes.Lines(text) {
		if rest := bytes.TrimLeft(line, " \t"); len(rest) > 1 && len(rest) < len(line) {
			return string(line[:len(line)-len(rest)])
		}
	}
	return "\t"
}

// Bytes is the configuration as a file.
func (c *Config) Bytes() []byte {
	var b bytes.Buffer
	if err := json.Indent(&b, c.root.raw(), "", c.indent); err != nil {
		return c.root.raw()
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// Line is the configuration on one line, as a variable holds it.
func (c *Config) Line() string {
	var b bytes.Buffer
	if err := json.Compact(&b, c.root.raw()); err != nil {
		return string(c.root.raw())
	}
	return b.String()
}

// Changes says in words what was changed; it is empty where nothing was.
func (c *Config) Changes() []string { return c.changes }

// Helpers are the credential helpers by the key that they are configured for.
func (c *Config) Helpers() (map[string]string, error) {
	section, err := c.section(fieldHelpers)
	if err != nil {
		return nil, err
	}
	helpers := map[string]string{}
	for _, m := range section.members {
		var name string
		if json.Unmarshal(m.value, &name) != nil {
			return nil, fmt.Errorf("the helper of %q in %s is not a string", m.key, fieldHelpers)
		}
		helpers[m.key] = name
	}
	return helpers, nil
}

// Store is the helper for every registry without one of its own, or "".
func (c *Config) Store() (string, error) {
	at := c.root.field(fieldStore)
	if at < 0 {
		return "", nil
	}
	var name string
	if json.Unmarshal(c.root.members[at].value, &name) != nil {
		return "", fmt.Errorf("%s is not a string", fieldStore)
	}
	return name, nil
}

// Auth is an entry of auths.
type Auth struct {
	Key string
	// Empty says that it holds nothing: docker leaves such entries as marks of what
	// a credential helper keeps.
	Empty bool
}

// Auths are the logins in the file, in its order, without their secrets.
func (c *Config) Auths() ([]Auth, error) {
	section, err := c.section(fieldAuths)
	if err != nil {
		return nil, err
	}
	var all []Auth
	for _, m := range section.members {
		var held struct {
			Auth, Username, Password, IdentityToken, RegistryToken string
		}
		if json.Unmarshal(m.value, &held) != nil {
			return nil, fmt.Errorf("the entry of %q in %s cannot be read", m.key, fieldAuths)
		}
		empty := held.Auth+held.Username+held.Password+held.IdentityToken+held.RegistryToken == ""
		all = append(all, Auth{Key: m.key, Empty: empty})
	}
	return all, nil
}

// Fields are the names of all fields, in the file's order.
func (c *Config) Fields() []string {
	var names []string
	for _, m := range c.root.members {
		names = append(names, m.key)
	}
	return names
}

// UseHelper has clients ask docker-credential-<helper> for what has this key. Another
// helper that is there is a conflict, unless it is to be replaced.
func (c *Config) UseHelper(key, helper string, replace bool) error {
	helpers, err := c.Helpers()
	if err != nil {
		return err
	}
	was, taken := helpers[key]
	switch {
	case was == helper && taken:
		return nil
	case taken && !replace:
		return conflict("the credential helper of "+key, fmt.Sprintf("it has the helper %q", was))
	}
	c.put(fieldHelpers, key, encoded(helper))
	c.note(taken, fmt.Sprintf("%s for %s: %s", fieldHelpers, key, helper), was)
	return nil
}

// UseStore has clients ask docker-credential-<helper> for every registry that has no
// helper of its own.
func (c *Config) UseStore(helper string, replace bool) error {
	was, err := c.Store()
	if err != nil {
		return err
	}
	switch {
	case was == helper:
		return nil
	case was != "" && !replace:
		return conflict("the credential helper of all registries", fmt.Sprintf("%s is %q", fieldStore, was))
	}
	c.root.set(c.root.field(fieldStore), fieldStore, encoded(helper))
	c.note(was != "", fieldStore+": "+helper, was)
	return nil
}

// SetLogin writes a username and a secret, which everybody who can read the file
// then has, until the secret expires.
func (c *Config) SetLogin(key string, credential pullpass.Credential) error {
	section, err := c.section(fieldAuths)
	if err != nil {
		return err
	}
	text := credential.Username + ":" + credential.Secret.Reveal()
	entry := object{}
	if at := section.find(key); at >= 0 {
		if entry, err = parseObject(section.members[at].value); err != nil {
			return fmt.Errorf("the entry of %q in %s: %w", key, fieldAuths, err)
		}
	}
	entry.drop("username", "password", "identitytoken", "registrytoken") // they would win, or belong to the old login
	entry.set(entry.field("auth"), "auth", encoded(base64.StdEncoding.EncodeToString([]byte(text))))
	next := entry.raw()
	if at := section.find(key); at >= 0 && bytes.Equal(section.members[at].value, next) {
		return nil
	}
	c.put(fieldAuths, key, next)
	c.note(false, "a login for "+key, "")
	return nil
}

// drop removes members, whatever the case of their names.
func (o *object) drop(names ...string) {
	o.members = slices.DeleteFunc(o.members, func(m member) bool {
		return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(m.key, name) })
	})
}

func (c *Config) note(replaced bool, change, was string) {
	if replaced {
		change += fmt.Sprintf(" (instead of %s)", was)
	}
	c.changes = append(c.changes, change)
}

// Shadowed are the logins in the file that nobody will use: for their key a helper
// is asked.
func (c *Config) Shadowed() []string {
	helpers, err := c.Helpers()
	if err != nil {
		return nil
	}
	auths, err := c.Auths()
	if err != nil {
		return nil
	}
	store, err := c.Store()
	if err != nil {
		return nil
	}
	keys := map[string]bool{}
	for _, a := range auths {
		if _, has := helpers[a.Key]; !a.Empty && (has || store != "") {
			keys[a.Key] = true
		}
	}
	return slices.Sorted(maps.Keys(keys))
}

// section is an object of the root; one that is missing is empty.
func (c *Config) section(name string) (object, error) {
	at := c.root.field(name)
	if at < 0 || string(c.root.members[at].value) == "null" {
		return object{}, nil
	}
	section, err := parseObject(c.root.members[at].value)
	if err != nil {
		return object{}, fmt.Errorf("%s: %w", name, err)
	}
	return section, nil
}

func (c *Config) put(name, key string, value json.RawMessage) {
	section, err := c.section(name)
	if err != nil { // it has been read before
		return
	}
	section.set(section.find(key), key, value)
	c.root.set(c.root.field(name), name, section.raw())
}

func conflict(what, cause string) error {
	return &pullpass.Error{
		Kind: pullpass.Conflict, Code: "helper_taken", What: "cannot set " + what, Cause: cause,
		Hint: "add --replace to have pullpass there instead",
	}
}
