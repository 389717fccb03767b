package main

import (
	"github.com/pullpass/pullpass/internal/reference"
)

// newHosts puts the operator's host mappings in force.
func newHosts(lines []string) (*reference.Hosts, error) {
	var mappings []reference.Mapping
	for _, line := range lines {
		m, err := reference.ParseMapping(line)
		if err != nil {
			return nil, misuseError{err}
		}
		mappings = append(mappings, m)
	}
	hosts, err := reference.NewHosts(mappings...)
	if err != nil {
		return nil, misuseError{err}
	}
	return hosts, nil
}
