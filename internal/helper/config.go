package helper

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/pullpass/pullpass"
)

// The variables that take the place of the configuration file, or of a line of it.
const (
	EnvConfig  = "PULLPASS_HELPER_CONFIG"  // another file
	EnvTimeout = "PULLPASS_HELPER_TIMEOUT" // such as 20s
	EnvSoft    = "PULLPASS_HELPER_SOFT"    // true: a failure is "no credential"
)

// SourceName is one of the places that credentials come from.
type SourceName string

// The sources, in the order in which they are asked unless the configuration says
// otherwise.
const (
	SourceSocket SourceName = "socket" // the agent socket of an environment
	SourceServer SourceName = "server" // the Pullpass server of the login
	SourceAWS    SourceName = "aws"    // AWS itself, with an identity of this machine
)

func sourceNames() []SourceName { return []SourceName{SourceSocket, SourceServer, SourceAWS} }

// Config is the helper's configuration file. The zero value is what holds without one.
type Config struct {
	// Sources are asked in this order; one that is not named is not asked.
	Sources []SourceName `json:"sources"`
	// Timeout is the longest that one call takes, as "5s".
	Timeout Duration `json:"timeout"`
	// Soft makes failures of private ECR registries "no credential".
	Soft bool `json:"soft"`
	// Helper is another credential helper, for what no source has: "secretservice".
	Helper string `json:"helper"`
	// Hosts are shown by `list`, beside those that Registries name exactly.
	Hosts []string `json:"hosts"`
	// Registries say who asks for which registry; the first that matches counts.
	Registries []Rule `json:"registries"`

	path string
}

// Duration is a time.Duration written as text.
type Duration time.Duration

// UnmarshalJSON implements json.Unmarshaler.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) != nil {
		return errors.New(`want a time such as "5s"`)
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		return errors.New(`want a time such as "5s"`)
	}
	*d = Duration(v)
	return nil
}

// The bounds of a timeout.
const (
	minTimeout = 100 * time.Millisecond
	maxTimeout = 5 * time.Minute
)

// maxConfig bounds a configuration file; a larger one is not one.
const maxConfig = 1 << 20

// ConfigPath is where the configuration is: PULLPASS_HELPER_CONFIG, or
// ~/.config/pullpass/credential-helper.json; empty for a user without a home.
func ConfigPath() string {
	if path := os.Getenv(EnvConfig); path != "" {
		return path
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "pullpass", "credential-helper.json")
}

// LoadConfig reads the file at ConfigPath. One that nobody named need not be there.
func LoadConfig() (*Config, error) {
	path := ConfigPath()
	if path == "" {
		return &Config{}, nil
	}
	c, err := ReadConfig(path)
	if errors.Is(err, fs.ErrNotExist) && os.Getenv(EnvConfig) == "" {
		return &Config{}, nil
	}
	return c, err
}

// ReadConfig reads a configuration file. Its error names every problem in it.
func ReadConfig(path string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return nil, unreadable(path, err)
	}
	if len(text) > maxConfig {
		return nil, unreadable(path, errors.New("it is larger than 1 MiB"))
	}
	return ParseConfig(path, text)
}

func unreadable(path string, err error) error {
	hint := "correct the file, or unset " + EnvConfig
	if os.Getenv(EnvConfig) == "" {
		hint = "correct or remove the file"
	}
	return &pullpass.Error{
		Kind: pullpass.Invalid, Code: "helper_config", What: "cannot use the helper's configuration " + path, Err: err, Hint: hint,
	}
}

// ParseConfig reads the text of a configuration file; path is for its errors.
func ParseConfig(path string, text []byte) (*Config, error) {
	c := &Config{path: path}
	var p problems
	if p.keys(text, c); len(p) == 0 {
		if err := json.Unmarshal(text, c); err != nil {
			p.add("", jsonProblem(err))
		} else {
			p.check(c)
		}
	}
	if len(p) > 0 {
		return nil, unreadable(path, p)
	}
	return c, nil
}

// jsonProblem says what is wrong without repeating a value: it may be a secret.
func jsonProblem(err error) string {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return wrong.Field + ": want " + typeName(wrong.Type.Kind().String()) + ", not " + wrong.Value
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return "it is not JSON, at byte " + strconv.FormatInt(syntax.Offset, 10)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "it is not JSON: it ends too early"
	}
	return err.Error()
}

func typeName(kind string) string {
	switch kind {
	case "slice":
		return "a list"
	case "struct", "map", "ptr":
		return "an object"
	case "bool":
		return "true or false"
	}
	return "a " + kind
}

// Path is the file that this was read from; empty without one.
func (c *Config) Path() string { return c.path }

// For returns the first rule for a host, and nil where there is none.
func (c *Config) For(host string) *Rule {
	for i := range c.Registries {
		if c.Registries[i].Matches(host) {
			return &c.Registries[i]
		}
	}
	return nil
}

// Order returns the sources to ask for a host.
func (c *Config) Order(r *Rule) []SourceName {
	if r != nil && r.source() != "" {
		return []SourceName{r.source()}
	}
	if len(c.Sources) > 0 {
		return c.Sources
	}
	return sourceNames()
}

// Deadline is the longest that one call takes.
func (c *Config) Deadline() (time.Duration, error) {
	text := os.Getenv(EnvTimeout)
	if text == "" {
		if c.Timeout > 0 {
			return time.Duration(c.Timeout), nil
		}
		return DefaultTimeout, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < minTimeout || d > maxTimeout {
		return 0, &pullpass.Error{
			Kind: pullpass.Invalid, What: "cannot tell how long to wait", Cause: EnvTimeout + " is not a time from 100ms to 5m",
			Hint: "set it to a time such as 5s, or unset it",
		}
	}
	return d, nil
}

// SoftFor reports whether a failure for a host is "no credential" instead of an error.
func (c *Config) SoftFor(r *Rule) bool {
	if soft, err := strconv.ParseBool(os.Getenv(EnvSoft)); err == nil {
		return soft
	}
	if r != nil && r.Soft != nil {
		return *r.Soft
	}
	return c.Soft
}
