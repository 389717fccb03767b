package reference

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/awsname"
)

// Mapping is an operator's word on one host that the grammar cannot know: a VPC
// endpoint, a custom domain, an emulator. Host is as in image references; the
// rest is optional, Account and Region go together.
type Mapping struct {
	Host        string `json:"host" yaml:"host"`
	Account     string `json:"account,omitempty" yaml:"account"`
	Region      string `json:"region,omitempty" yaml:"region"`
	APIEndpoint string `json:"api_endpoint,omitempty" yaml:"api_endpoint"` // of ECR
	STSEndpoint string `json:"sts_endpoint,omitempty" yaml:"sts_endpoint"`
	RegistryURL string `json:"registry_url,omitempty" yaml:"registry_url"` // "http://127.0.0.1:5001"
	// Realm is a token service on another host that belongs to the registry: it may
	// get the registry's password.
	Realm string `json:"realm,omitempty" yaml:"realm"` // "https://auth.example.com"
}

// Hosts is a set of mappings over the grammar. The zero value and nil know the
// grammar alone.
type Hosts struct {
	byName  map[string]mapped
	learned atomic.Pointer[map[string]mapped] // what somebody else maps: only where byName has nothing
}

type mapped struct {
	host    Host
	mapping Mapping
}

// NewHosts checks mappings and puts them in force.
func NewHosts(mappings ...Mapping) (*Hosts, error) {
	h := &Hosts{byName: make(map[string]mapped, len(mappings))}
	for _, m := range mappings {
		host, err := m.resolve()
		if err != nil {
			return nil, err
		}
		if _, twice := h.byName[host.Name]; twice {
			return nil, invalid("the host mapping", host.Name, "the host is mapped twice", "keep one of the two")
		}
		h.byName[host.Name] = mapped{host, m}
	}
	return h, nil
}

// Parse reads a registry host: mappings first, then the grammar.
func (h *Hosts) Parse(s string) (Host, error) {
	name, err := hostName(s)
	if err != nil {
		return Host{}, err
	}
	if h != nil {
		if m, ok := h.find(name); ok {
			return m.host.clone(), nil
		}
	}
	return hostNamed(name)
}

func (h *Hosts) find(name string) (mapped, bool) {
	if m, ok := h.byName[name]; ok {
		return m, true
	}
	if learned := h.learned.Load(); learned != nil {
		m, ok := (*learned)[name]
		return m, ok
	}
	return mapped{}, false
}

// Learn puts further mappings in force, in the place of those learned before. The
// operator's own stay: what is mapped twice is as it was. It may be called while
// others read.
func (h *Hosts) Learn(mappings ...Mapping) error {
	more, err := NewHosts(mappings...)
	if err != nil {
		return err
	}
	h.learned.Store(&more.byName)
	return nil
}

// Own reports whether host is mapped by the operator, not learned.
func (h *Hosts) Own(host string) bool {
	_, ok := h.byName[host]
	return ok
}

// Learned reports whether a learned mapping of host is in force.
func (h *Hosts) Learned(host string) bool {
	_, ok := h.find(host)
	return ok && !h.Own(host)
}

// Mappings lists the mappings in order of host.
func (h *Hosts) Mappings() []Mapping {
	if h == nil {
		return nil
	}
	all := make([]Mapping, 0, len(h.byName))
	for _, m := range h.byName {
		all = append(all, m.mapping)
	}
	if learned := h.learned.Load(); learned != nil {
		for name, m := range *learned {
			if !h.Own(name) {
				all = append(all, m.mapping)
			}
		}
	}
	slices.SortFunc(all, func(a, b Mapping) int { return strings.Compare(a.Host, b.Host) })
	return all
}

func (m Mapping) resolve() (Host, error) {
	name, err := hostName(m.Host)
	if err != nil {
		return Host{}, err
	}
	bad := func(cause string) error {
		return invalid("the mapping of host", name, cause, "host=…,account=…,region=…,api=…,sts=…,registry=…,realm=…")
	}
	for _, u := range []string{m.APIEndpoint, m.STSEndpoint, m.RegistryURL} {
		if u != "" && !validEndpoint(u) {
			return Host{}, bad("an endpoint is http:// or https://, a host and perhaps a port, nothing else")
		}
	}
	if m.Realm != "" && !validEndpoint(m.Realm) {
		return Host{}, bad("a realm is https:// or http://, a host and perhaps a port, nothing else")
	}
	if strings.HasPrefix(m.Realm, "http://") && !strings.HasPrefix(m.RegistryURL, "http://") {
		return Host{}, bad(
			"a realm at http:// would get the password in clear; only a registry that is mapped to http:// itself may have one",
		)
	}
	h := Host{Name: name, Kind: knownKind(name), url: m.RegistryURL, realm: m.Realm}
	e, isECR := parseECR(name)
	switch {
	case m.Account == "" && m.Region == "" && !isECR:
		if m.APIEndpoint != "" || m.STSEndpoint != "" {
			return Host{}, bad("endpoints of AWS need an account and a region")
		}
		return h, nil
	case m.Account == "" && m.Region == "": // the grammar's own
	case !awsname.ValidAccount(m.Account):
		return Host{}, bad("the account is not 12 digits")
	default:
		if !awsname.ValidRegion(m.Region) {
			return Host{}, bad("AWS has no region of this name")
		}
		if isECR && (e.Account != m.Account || e.Region != m.Region) {
			return Host{}, bad("the host itself names another account or region")
		}
		if !isECR {
			e = &ECR{Registry: awsname.Registry{Account: m.Account, Region: m.Region}}
		}
	}
	e.api, e.sts = m.APIEndpoint, m.STSEndpoint
	h.Kind, h.ECR = KindECR, e
	return h, nil
}

// validEndpoint accepts what URL rebuilds: scheme and authority only.
func validEndpoint(s string) bool {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
		return false
	}
	return u.Scheme+"://"+u.Host == s
}

// OverHTTP is the mapping with which host is asked over plain http at the address where
// it is asked now, as --host takes it.
func (h *Hosts) OverHTTP(host Host) string {
	m := Mapping{Host: host.Name}
	if h != nil {
		if known, ok := h.find(host.Name); ok {
			m = known.mapping
		}
	}
	if u, err := url.Parse(host.URL()); err == nil {
		m.RegistryURL = "http://" + u.Host
	}
	return m.String()
}

// ECRAt returns the host of an account's private registry in a region: what the
// operator has mapped to it, or its own name.
func (h *Hosts) ECRAt(account, region string) (Host, error) {
	for _, m := range h.Mappings() {
		host, err := h.Parse(m.Host)
		if err == nil && host.ECR != nil && host.ECR.Account == account && host.ECR.Region == region {
			return host, nil
		}
	}
	name, ok := awsname.Registry{Account: account, Region: region}.Host()
	if !ok {
		return Host{}, &pullpass.Error{Kind: pullpass.Invalid, Code: "reference_invalid", What: "there is no such registry",
			Cause: "the account is not 12 digits, or AWS has no region of this name", Hint: "an account is 222222222222, a region eu-west-1"}
	}
	return h.Parse(name)
}

// String writes the mapping as ParseMapping reads it, for --host.
func (m Mapping) String() string {
	parts := []string{"host=" + m.Host}
	for _, field := range [][2]string{{"account", m.Account}, {"region", m.Region}, {"api", m.APIEndpoint}, {"sts", m.STSEndpoint},
		{"registry", m.RegistryURL}, {"realm", m.Realm}} {
		if field[1] != "" {
			parts = append(parts, field[0]+"="+field[1])
		}
	}
	return strings.Join(parts, ",")
}

// OfThisMachine reports whether the mapping leads to the machine that it is used on:
// on another one it would lead somewhere else.
func (m Mapping) OfThisMachine() bool {
	for _, at := range []string{m.RegistryURL, m.Realm} {
		if u, err := url.Parse(at); err == nil && IsLoopback(u.Hostname()) {
			return true
		}
	}
	return false
}

// IsLoopback reports whether a host name or address is the machine itself.
func IsLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && addr.Unmap().IsLoopback())
}

// ParseMapping reads a mapping from one line, for flags and variables:
// host=127.0.0.1:4512,account=222222222222,region=eu-west-1,registry=http://127.0.0.1:4512
func ParseMapping(line string) (Mapping, error) {
	var m Mapping
	fields := map[string]*string{
		"host": &m.Host, "account": &m.Account, "region": &m.Region,
		"api": &m.APIEndpoint, "sts": &m.STSEndpoint, "registry": &m.RegistryURL, "realm": &m.Realm,
	}
	for part := range strings.SplitSeq(line, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		field, known := fields[key]
		if !ok || !known || *field != "" {
			return Mapping{}, &pullpass.Error{Kind: pullpass.Invalid, Code: "mapping_invalid",
				What:  "cannot read a host mapping",
				Cause: "it is a list of host=, account=, region=, api=, sts=, registry= and realm=, each at most once",
				Hint:  "host=127.0.0.1:4512,account=222222222222,region=eu-west-1,registry=http://127.0.0.1:4512"}
		}
		*field = value
	}
	_, err := m.resolve()
	return m, err
}
