package main

import (
	"github.com/pullpass/pullpass/internal/config"
	"github.com/pullpass/pullpass/internal/reference"
)

// newHosts puts the operator's host mappings in force.
func newHosts(mappings []config.HostMapping) (*reference.Hosts, error) {
	var list []reference.Mapping
	for _, m := range mappings {
		list = append(list, reference.Mapping{
			Host: m.Host, Account: m.Account, Region: m.Region,
			APIEndpoint: m.API, STSEndpoint: m.STS, RegistryURL: m.Registry,
		})
	}
	return reference.NewHosts(list...)
}
