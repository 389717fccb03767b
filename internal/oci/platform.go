package oci

import (
	"runtime"
	"strings"

	"github.com/pullpass/pullpass"
)

// platform is what an image runs on.
type platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant,omitempty"`
}

// parsePlatform reads "linux/amd64" or "linux/arm/v7"; nothing is Linux on this
// machine's architecture.
func parsePlatform(s string) (platform, error) {
	if s == "" {
		return platform{OS: "linux", Architecture: runtime.GOARCH}, nil
	}
	parts := strings.Split(s, "/")
	for _, part := range parts {
		if part == "" || !headerText(part) {
			parts = nil
		}
	}
	if len(parts) != 2 && len(parts) != 3 {
		return platform{}, &pullpass.Error{
			Kind: pullpass.Invalid,
			What: "cannot read the platform",
			Hint: "linux/amd64 or linux/arm64",
		}
	}
	p := platform{OS: parts[0], Architecture: parts[1]}
	if len(parts) == 3 {
		p.Variant = parts[2]
	}
	return p, nil
}

func (p platform) String() string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

// known reports whether p says anything: attestations are entries for unknown/unknown.
func (p platform) known() bool {
	return p.OS != "" && p.OS != "unknown" && p.Architecture != "" && p.Architecture != "unknown"
}

// accepts returns what a machine of platform p runs, best first: its own variant,
// then what the processor also understands. An arm64 without a variant is v8, an arm
// without one is v7, as engines take them.
func (p platform) accepts() []platform {
	own := p.normal()
	if own.Architecture != "arm" {
		return []platform{own}
	}
	all := []platform{own}
	for _, lower := range []string{"v7", "v6", "v5"} {
		if lower < own.Variant {
			all = append(all, platform{own.OS, own.Architecture, lower})
		}
	}
	return all
}

// normal writes out what a missing variant means.
func (p platform) normal() platform {
	switch {
	case p.Architecture == "arm64" && (p.Variant == "v8" || p.Variant == "8"):
		p.Variant = ""
	case p.Architecture == "arm" && p.Variant == "":
		p.Variant = "v7"
	case p.Architecture == "amd64" && p.Variant == "v1":
		p.Variant = ""
	}
	return p
}
