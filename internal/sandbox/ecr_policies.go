package sandbox

import (
	"github.com/pullpass/pullpass/internal/iam"
)

// A repository policy's own size limit: 10,240 characters.
const maxRepositoryPolicy = 10240

type repositoryInput struct {
	RegistryID     string `json:"registryId"`
	RepositoryName string `json:"repositoryName"`
}

type setRepositoryPolicyInput struct {
	RegistryID     string `json:"registryId"`
	RepositoryName string `json:"repositoryName"`
	PolicyText     string `json:"policyText"`
	Force          bool   `json:"force"`
}

type policyShape struct {
	RegistryID     string `json:"registryId"`
	RepositoryName string `json:"repositoryName,omitempty"`
	PolicyText     string `json:"policyText"`
}

func setRepositoryPolicy(c *call, in *setRepositoryPolicyInput) (any, *apiError) {
	reg, repo, err := c.repository(in.RegistryID, in.RepositoryName, "ecr:SetRepositoryPolicy")
	if err != nil {
		return nil, err
	}
	doc, err := c.box.repositoryPolicy(in.PolicyText)
	if err != nil {
		return nil, err
	}
	if !in.Force && c.locksOut(reg, repo, doc) {
		return nil, badRequest(
			"InvalidParameterException",
			"Invalid parameter at 'PolicyText' failed to satisfy constraint: 'The policy would prevent you from setting another one; use force to set it all the same'",
		)
	}
	repo.policy = doc
	return policyShape{reg.account.id, repo.name, doc.text}, nil
}

// locksOut reports whether the caller could not replace a policy once it is set.
func (c *call) locksOut(reg *registry, repo *repository, doc *policyDocument) bool {
	old := repo.policy
	defer func() { repo.policy = old }()
	repo.policy = doc
	q := reg.question(c.principal, "ecr:SetRepositoryPolicy", repo.name)
	q.request = c.request
	_, decision, err := c.box.evaluate(q)
	return err != nil || decision.Effect != iam.Allowed
}

func getRepositoryPolicy(c *call, in *repositoryInput) (any, *apiError) {
	reg, repo, err := c.repository(in.RegistryID, in.RepositoryName, "ecr:GetRepositoryPolicy")
	if err != nil {
		return nil, err
	}
	if repo.policy == nil {
		return nil, reg.noRepositoryPolicy(repo.name)
	}
	return policyShape{reg.account.id, repo.name, repo.policy.text}, nil
}

func deleteRepositoryPolicy(c *call, in *repositoryInput) (any, *apiError) {
	reg, repo, err := c.repository(in.RegistryID, in.RepositoryName, "ecr:DeleteRepositoryPolicy")
	if err != nil {
		return nil, err
	}
	if repo.policy == nil {
		return nil, reg.noRepositoryPolicy(repo.name)
	}
	text := repo.policy.text
	repo.policy = nil
	return policyShape{reg.account.id, repo.name, text}, nil
}

// repositoryPolicy checks a policy the way ECR does when it is saved.
func (b *Sandbox) repositoryPolicy(text string) (*policyDocument, *apiError) {
	const invalid = "Invalid repository policy provided"
	if len(text) > maxRepositoryPolicy {
		return nil, errECRParameter("PolicyText", "Member must have length less than or equal to 10240")
	}
	doc, err := parsePolicy(text)
	if err != nil || resourcePolicyFault(doc.policy, false) != "" {
		return nil, errECRParameter("PolicyText", invalid)
	}
	if b.unknownPrincipal(doc.policy) != "" {
		return nil, errECRParameter("PolicyText", "Principal not found")
	}
	return &doc, nil
}

type putRegistryPolicyInput struct {
	PolicyText string `json:"policyText"`
}

type emptyInput struct{}

func putRegistryPolicy(c *call, in *putRegistryPolicyInput) (any, *apiError) {
	reg, err := c.ownRegistry("ecr:PutRegistryPolicy")
	if err != nil {
		return nil, err
	}
	doc, err := c.box.registryPolicy(in.PolicyText)
	if err != nil {
		return nil, err
	}
	reg.policy = doc
	return policyShape{RegistryID: reg.account.id, PolicyText: doc.text}, nil
}

// registryPolicy checks a registry policy when it is saved.
func (b *Sandbox) registryPolicy(text string) (*policyDocument, *apiError) {
	doc, err := parsePolicy(text)
	if err != nil || resourcePolicyFault(doc.policy, true) != "" {
		return nil, errECRParameter("PolicyText", "Invalid registry policy provided")
	}
	if b.unknownPrincipal(doc.policy) != "" {
		return nil, errECRParameter("PolicyText", "Principal not found")
	}
	return &doc, nil
}

func getRegistryPolicy(c *call, _ *emptyInput) (any, *apiError) {
	reg, err := c.ownRegistry("ecr:GetRegistryPolicy")
	if err != nil {
		return nil, err
	}
	if reg.policy == nil {
		return nil, reg.noRegistryPolicy()
	}
	return policyShape{RegistryID: reg.account.id, PolicyText: reg.policy.text}, nil
}

func deleteRegistryPolicy(c *call, _ *emptyInput) (any, *apiError) {
	reg, err := c.ownRegistry("ecr:DeleteRegistryPolicy")
	if err != nil {
		return nil, err
	}
	if reg.policy == nil {
		return nil, reg.noRegistryPolicy()
	}
	text := reg.policy.text
	reg.policy = nil
	return policyShape{RegistryID: reg.account.id, PolicyText: text}, nil
}

func describeRegistry(c *call, _ *emptyInput) (any, *apiError) {
	reg, err := c.ownRegistry("ecr:DescribeRegistry")
	if err != nil {
		return nil, err
	}
	return struct {
		RegistryID  string      `json:"registryId"`
		Replication replication `json:"replicationConfiguration"`
	}{reg.account.id, replication{append([]replicationRule{}, reg.settings.replication.Rules...)}}, nil
}

// ownRegistry authorizes an action on the caller's registry as a whole. Such
// actions have no resource but "*".
func (c *call) ownRegistry(action string) (*registry, *apiError) {
	reg, err := c.registryIn("")
	if err != nil {
		return nil, err
	}
	return reg, c.authorize(action, "*", reg.account, nil)
}
