package store

import (
	"strconv"
	"strings"

	"github.com/pullpass/pullpass"
	"github.com/pullpass/pullpass/internal/reference"
)

// openHosts are the hosts with a registry that somebody beside the runner may use
// for the environment: open to people, and to the environment's runner.
const openHosts = `SELECT o.host FROM registries o
	JOIN registry_generations g ON g.organization = o.organization AND g.registry = o.id AND g.generation = o.generation
	WHERE o.organization = $1 AND COALESCE(o.project, '') IN ('', $2) AND o.deleted_at = 0 AND g.inside <> 'never'
		AND (NOT EXISTS (SELECT 1 FROM registry_generation_runners l
				WHERE l.organization = g.organization AND l.registry = g.registry AND l.generation = g.generation)
			OR EXISTS (SELECT 1 FROM registry_generation_runners l
				WHERE l.organization = g.organization AND l.registry = g.registry AND l.generation = g.generation AND l.runner = $4))`

// pin gives e, with one statement, the registries in force now that it can use:
// those of the hosts of its services and of the hosts with a registry that is open
// to more than starts. Of a host it gets all or none, so that the one that is
// chosen for an image is the one of the whole list. The statement locks the rows
// that it reads, so that no generation is superseded, and collected, between
// reading and pinning it.
func (x *tx) pin(e *pullpass.Environment) error {
	args := []any{e.Organization, e.Project, e.ID, e.Runner}
	wanted := "host IN (" + openHosts + ")"
	if hosts := hostsOf(e.Services); len(hosts) > 0 {
		places := make([]string, len(hosts))
		for i, host := range hosts {
			args = append(args, host)
			places[i] = "$" + strconv.Itoa(len(args))
		}
		wanted = "(host IN (" + strings.Join(places, ", ") + ") OR " + wanted + ")"
	}
	list, err := all(x.ctx, x, scanGeneration, `INSERT INTO environment_registries (organization, environment, registry, generation)
		SELECT organization, $3, id, generation FROM registries
			WHERE organization = $1 AND COALESCE(project, '') IN ('', $2) AND deleted_at = 0 AND `+wanted+`
			ORDER BY COALESCE(project, ''), id`+x.db.dialect.ForShare+`
		RETURNING registry, generation`, args...)
	if err != nil {
		return err
	}
	sortGenerations(list)
	e.Registries = list
	return nil
}

// hostsOf lists the hosts of the services' images.
func hostsOf(services []pullpass.Service) []string {
	var hosts []string
	for _, s := range services {
		if image, err := reference.ParseImage(s.Image); err == nil {
			hosts = append(hosts, image.Host)
		}
	}
	return distinct(hosts)
}

// pinAnew pins what is in force now. A registry that was deleted stays with the
// environments that had it until they are deleted, too, unless another one has taken
// its place.
func (x *tx) pinAnew(e *pullpass.Environment) error {
	_, err := x.exec(`DELETE FROM environment_registries WHERE organization = $1 AND environment = $2
		AND NOT EXISTS (SELECT 1 FROM registries d WHERE d.organization = $1 AND d.id = environment_registries.registry AND d.deleted_at <> 0
			AND NOT EXISTS (SELECT 1 FROM registries r WHERE r.organization = $1 AND COALESCE(r.project, '') = COALESCE(d.project, '')
				AND r.host = d.host AND r.path_prefix = d.path_prefix AND r.deleted_at = 0))`, e.Organization, e.ID)
	if err != nil {
		return err
	}
	kept, err := all(x.ctx, x, scanGeneration, `SELECT registry, generation FROM environment_registries WHERE organization = $1 AND environment = $2`,
		e.Organization, e.ID)
	if err != nil {
		return err
	}
	if err := x.pin(e); err != nil {
		return err
	}
	e.Registries = append(e.Registries, kept...)
	sortGenerations(e.Registries)
	return nil
}

func scanGeneration(row scanner) (g pullpass.RegistryGeneration, err error) {
	err = row.Scan(&g.Registry, &g.Generation)
	return g, err
}

// unpin lets go of e's generations and collects those that nobody else has.
func (x *tx) unpin(e *pullpass.Environment) error {
	if _, err := x.exec(`DELETE FROM environment_registries WHERE organization = $1 AND environment = $2`, e.Organization, e.ID); err != nil {
		return err
	}
	had := e.Registries
	e.Registries = nil
	return x.collectAll(e.Organization, had)
}

// collectAll collects what had generations that may be superseded. Almost all of
// them are in force, which one look tells.
func (x *tx) collectAll(org pullpass.OrganizationID, had []pullpass.RegistryGeneration) error {
	if len(had) == 0 {
		return nil
	}
	inForce, err := all(x.ctx, x, scanGeneration, `SELECT id, generation FROM registries WHERE organization = $1 AND deleted_at = 0`, org)
	if err != nil {
		return err
	}
	current := make(map[pullpass.RegistryGeneration]bool, len(inForce))
	for _, g := range inForce {
		current[g] = true
	}
	for _, g := range had {
		if current[g] {
			continue
		}
		if err := x.collect(org, g.Registry); err != nil {
			return err
		}
	}
	return nil
}
