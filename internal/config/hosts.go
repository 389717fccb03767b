package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// HostMapping says which ECR registry answers under a name that the ECR grammar
// does not know. It is ordinary configuration: the sandbox is reached the same
// way as a VPC endpoint.
type HostMapping struct {
	Host     string // as in image references, with port
	Account  string
	Region   string
	API      string // where GetAuthorizationToken is asked
	STS      string // where roles are assumed; empty for the region's own
	Registry string // where /v2/ answers; empty for https:// and the host
}

var (
	accountPattern = regexp.MustCompile(`^[0-9]{12}$`)
	regionPattern  = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]+$`)
)

// ParseHostMapping reads the key=value form.
func ParseHostMapping(s string) (HostMapping, error) {
	var m HostMapping
	fields := m.fields()
	for part := range strings.SplitSeq(s, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		i := slices.IndexFunc(fields, func(f mappingField) bool { return f.key == key })
		if !ok || i < 0 {
			return HostMapping{}, fmt.Errorf("host mapping: want host=…,account=…,region=…,api=URL[,sts=URL][,registry=URL]")
		}
		*fields[i].value = value
	}
	return m, m.check()
}

type mappingField struct {
	key   string
	value *string
}

func (m *HostMapping) fields() []mappingField {
	return []mappingField{
		{"host", &m.Host}, {"account", &m.Account}, {"region", &m.Region},
		{"api", &m.API}, {"sts", &m.STS}, {"registry", &m.Registry},
	}
}

func (m HostMapping) check() error {
	switch {
	case m.Host == "" || strings.ContainsAny(m.Host, "/@ "):
		return fmt.Errorf("host mapping: host must be a host name with an optional port")
	case !accountPattern.MatchString(m.Account):
		return fmt.Errorf("host mapping of %s: account must be 12 digits", m.Host)
	case !regionPattern.MatchString(m.Region):
		return fmt.Errorf("host mapping of %s: region must be one such as eu-west-1", m.Host)
	case !validURL(m.API):
		return fmt.Errorf("host mapping of %s: api must be an http or https address", m.Host)
	case m.STS != "" && !validURL(m.STS):
		return fmt.Errorf("host mapping of %s: sts must be an http or https address", m.Host)
	case m.Registry != "" && !validURL(m.Registry):
		return fmt.Errorf("host mapping of %s: registry must be an http or https address", m.Host)
	}
	return nil
}

// String is the form that ParseHostMapping reads.
func (m HostMapping) String() string {
	var parts []string
	for _, f := range m.fields() {
		if *f.value != "" {
			parts = append(parts, f.key+"="+*f.value)
		}
	}
	return strings.Join(parts, ",")
}

// Decode implements kong.MapperValue.
func (m *HostMapping) Decode(ctx *kong.DecodeContext) error {
	var text string
	if err := ctx.Scan.PopValueInto("mapping", &text); err != nil {
		return err
	}
	parsed, err := ParseHostMapping(text)
	*m = parsed
	return err
}
