package httpapi

import (
	"slices"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/api"
	"github.com/pullpass/pullpass/internal/reference"
)

// mappingsOf are the operator's mappings of the hosts of images. A runner is told of
// no others: which hosts the operator maps is nobody else's business.
func (s *Server) mappingsOf(images ...string) []api.HostMapping {
	all := s.hosts.Mappings()
	if len(all) == 0 {
		return nil
	}
	hosts := map[string]bool{}
	for _, image := range images {
		if parsed, err := reference.ParseImage(image); err == nil {
			hosts[parsed.Host] = true
		}
		if host, err := reference.ParseHost(image); err == nil {
			hosts[host.Name] = true // of a trial of the login alone
		}
	}
	var found []api.HostMapping
	for _, m := range all {
		if host, err := s.hosts.Parse(m.Host); err == nil && hosts[host.Name] {
			found = append(found, api.HostMapping{Host: m.Host, Account: m.Account, Region: m.Region, API: m.APIEndpoint, STS: m.STSEndpoint,
				Registry: m.RegistryURL, Realm: m.Realm})
		}
	}
	return found
}

func imagesOf(all []pullpass.Environment) []string {
	var images []string
	for _, e := range all {
		images = appendImages(images, e.Services)
	}
	return images
}

func imagesIn(all []api.Environment) []string {
	var images []string
	for _, e := range all {
		images = appendImages(images, e.Services)
	}
	return images
}

func appendImages(images []string, services []pullpass.Service) []string {
	for _, service := range services {
		if !slices.Contains(images, service.Image) {
			images = append(images, service.Image)
		}
	}
	return images
}
