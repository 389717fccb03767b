package broker

import "context"

// ofTheProject refuses what is kept for another project: an integration opens an
// account, and a registry through it is no claim to everything there.
func (b *Broker) ofTheProject(ctx context.Context, ask Ask, p *plan) error {
	if p.host.ECR == nil {
		return nil
	}
	for _, pattern := range p.repositories {
		name, err := b.store.RepositoryOfOthers(ctx, p.organization, p.project, p.host.ECR.Account, p.host.ECR.Region, pattern)
		switch {
		case err != nil:
			return err
		case name == "":
			continue
		case name == pattern:
			return refused(ask, "the repository is kept for another project", "ask for a repository of your own project: pullpass repository list")
		}
		return refused(ask, "the registry "+p.registry.Name+" covers repositories that are kept for other projects, and the request names no repository",
			"name the repository, or use a registry with a path prefix: pullpass registry add NAME --host "+ask.Host+" --path-prefix PREFIX")
	}
	return nil
}
