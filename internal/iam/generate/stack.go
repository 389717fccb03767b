package generate

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Stack is what a call generates: AWS resources in the order in which they
// must be created, and what a person should know about them.
type Stack struct {
	Resources []Resource
	Notes     []string
}

// Resource is one of RepositoryResource, RegistryResource, RoleResource and
// ProviderResource.
type Resource interface{ resource() }

// RepositoryResource is the policy of one ECR repository.
type RepositoryResource struct {
	Registry   ECR
	Repository string
	Policy     Policy
}

// RegistryResource is the policy of a whole registry in one region.
type RegistryResource struct {
	Registry ECR
	Policy   Policy
}

// RoleResource is a role, or a part of one: without Trust it is a policy for a
// role that exists already.
type RoleResource struct {
	Account         string // may be empty: then only the reader knows it
	Partition       string
	Name            string
	Trust           *Policy
	Permissions     *Policy
	PermissionsName string
	MaxSession      int  // seconds; 0 leaves AWS's default of an hour
	InstanceProfile bool // for EC2: same name as the role
	Output          bool // tell the role's ARN as an output of the stack
}

// ProviderResource is an IAM OpenID Connect provider.
type ProviderResource struct {
	URL         string
	Audiences   []string
	Thumbprints []string // may be empty: IAM finds those of public authorities
}

func (RepositoryResource) resource() {}
func (RegistryResource) resource()   {}
func (RoleResource) resource()       {}
func (ProviderResource) resource()   {}

// Document is one policy of a stack with a name for it.
type Document struct {
	Name   string // repositoryPolicy, registryPolicy, trustPolicy or permissionsPolicy
	Policy Policy
}

// Documents lists the policies of the stack in order.
func (s Stack) Documents() []Document {
	var out []Document
	for _, r := range s.Resources {
		switch r := r.(type) {
		case RepositoryResource:
			out = append(out, Document{"repositoryPolicy", r.Policy})
		case RegistryResource:
			out = append(out, Document{"registryPolicy", r.Policy})
		case RoleResource:
			if r.Trust != nil {
				out = append(out, Document{"trustPolicy", *r.Trust})
			}
			if r.Permissions != nil {
				out = append(out, Document{"permissionsPolicy", *r.Permissions})
			}
		}
	}
	return out
}

// template builds the CloudFormation template of the stack.
func (s Stack) template() object {
	t := object{{"AWSTemplateFormatVersion", "2010-09-09"}}
	if notes := s.templateNotes(); len(notes) > 0 {
		t = append(t, member{"Description", description(notes)})
	}
	var resources, outputs object
	for _, r := range s.Resources {
		switch r := r.(type) {
		case RepositoryResource:
			// The policy is a property of the repository: one that exists
			// already must be imported into the stack, and outlives it.
			resources = append(resources, member{"Repository", object{
				{"Type", "AWS::ECR::Repository"},
				{"DeletionPolicy", "Retain"},
				{"UpdateReplacePolicy", "Retain"},
				{"Properties", object{{"RepositoryName", r.Repository}, {"RepositoryPolicyText", r.Policy.tree()}}},
			}})
		case RegistryResource:
			resources = append(resources, member{"RegistryPolicy", object{
				{"Type", "AWS::ECR::RegistryPolicy"},
				{"Properties", object{{"PolicyText", r.Policy.tree()}}},
			}})
		case ProviderResource:
			properties := object{{"Url", r.URL}, {"ClientIdList", strings2list(r.Audiences)}}
			if len(r.Thumbprints) > 0 {
				properties = append(properties, member{"ThumbprintList", strings2list(r.Thumbprints)})
			}
			resources = append(resources, member{"Issuer", object{{"Type", "AWS::IAM::OIDCProvider"}, {"Properties", properties}}})
		case RoleResource:
			rs, os := roleTemplate(r, s.provides())
			resources, outputs = append(resources, rs...), append(outputs, os...)
		}
	}
	t = append(t, member{"Resources", resources})
	if len(outputs) > 0 {
		t = append(t, member{"Outputs", outputs})
	}
	return t
}

// templateNotes adds what only CloudFormation needs to know. It comes first: a
// description is short.
func (s Stack) templateNotes() []string {
	var notes []string
	for _, r := range s.Resources {
		switch r := r.(type) {
		case RepositoryResource:
			notes = append(notes, "Import repository "+r.Repository+" into the stack, if it exists already: its policy is a part of it.")
		case RoleResource:
			if r.Trust != nil {
				notes = append(notes, "Deploy with --capabilities CAPABILITY_NAMED_IAM.")
			}
		}
	}
	return append(notes, s.Notes...)
}

// commands writes the stack as aws command lines for a POSIX shell.
func (s Stack) commands() []byte {
	var b strings.Builder
	for _, n := range s.Notes {
		b.WriteString("# " + n + "\n")
	}
	for _, r := range s.Resources {
		for _, args := range commandsOf(r) {
			b.WriteString(commandLine(args))
		}
	}
	return []byte(b.String())
}

// Merged adds the stack's repository or registry policy to the one that is in force:
// its statements stay as they are, in front. Who is allowed already is not added
// again. An empty text is no policy.
func (s Stack) Merged(current []byte) (Stack, error) {
	out := Stack{Resources: slices.Clone(s.Resources)}
	for _, note := range s.Notes {
		if !strings.Contains(note, "replaces it") {
			out.Notes = append(out.Notes, note)
		}
	}
	if len(bytes.TrimSpace(current)) == 0 {
		out.Notes = append(out.Notes, "There was no policy before.")
		return out, nil
	}
	for i, r := range out.Resources {
		var policy *Policy
		switch r := r.(type) {
		case RepositoryResource:
			policy = &r.Policy
			if err := merge(policy, current); err != nil {
				return Stack{}, err
			}
			out.Resources[i] = r
		case RegistryResource:
			policy = &r.Policy
			if err := merge(policy, current); err != nil {
				return Stack{}, err
			}
			out.Resources[i] = r
		default:
			continue
		}
		kept, added := len(policy.before), len(policy.Statements)
		out.Notes = append(
			out.Notes,
			fmt.Sprintf("Kept as they were: %d of %d statements.", kept-policy.extended, kept+added),
		)
		if added+policy.extended == 0 {
			out.Notes = append(out.Notes, "Nothing was added: the policy allows all of this already.")
		}
	}
	return out, nil
}

// Render writes the stack in the given format, ending in a newline. JSON is the
// policy itself where there is one, and an object of policies by name where
// there are several. Notes are written as comments where the format has them.
func (s Stack) Render(f Format) ([]byte, error) {
	switch f {
	case JSON:
		return s.json(), nil
	case Terraform:
		return s.terraform(), nil
	case CloudFormation:
		return indented(s.template()), nil
	case CloudFormationYAML:
		return s.templateYAML(), nil
	case Command:
		return s.commands(), nil
	}
	c := &check{hint: "--format json, terraform, cloudformation, cloudformation-yaml or aws"}
	c.failf("%q is not a format", f)
	return nil, c.err("the policy")
}

func (s Stack) json() []byte {
	documents := s.Documents()
	if len(documents) == 1 {
		return documents[0].Policy.JSON()
	}
	var all object
	for _, d := range documents {
		all = append(all, member{d.Name, d.Policy.tree()})
	}
	return indented(all)
}

// terraform writes the stack as HCL for the AWS provider.
func (s Stack) terraform() []byte {
	w := &hclFile{}
	w.notes(s.Notes)
	for _, r := range s.Resources {
		switch r := r.(type) {
		case RepositoryResource:
			w.place(r.Registry)
			w.block(`resource "aws_ecr_repository_policy" `+hclString(identifier(r.Repository)), object{
				{"repository", r.Repository},
				{"policy", jsonencode(r.Policy)},
			})
		case RegistryResource:
			w.place(r.Registry)
			w.block(`resource "aws_ecr_registry_policy" "registry"`, object{
				{"policy", jsonencode(r.Policy)},
			})
		case ProviderResource:
			body := object{{"url", r.URL}, {"client_id_list", strings2list(r.Audiences)}}
			if len(r.Thumbprints) > 0 {
				body = append(body, member{"thumbprint_list", strings2list(r.Thumbprints)})
			}
			w.block(`resource "aws_iam_openid_connect_provider" "issuer"`, body)
		case RoleResource:
			w.role(r, s.provides())
		}
	}
	return []byte(w.String())
}

// provides reports whether the stack itself creates the OIDC provider.
func (s Stack) provides() bool {
	for _, r := range s.Resources {
		if _, ok := r.(ProviderResource); ok {
			return true
		}
	}
	return false
}

// templateYAML writes the template as YAML. Strings are quoted as in JSON,
// which YAML reads alike: an account number must not become an octal number,
// nor a date a date.
func (s Stack) templateYAML() []byte {
	var b strings.Builder
	notes := s.templateNotes()
	for _, n := range notes {
		b.WriteString("# " + n + "\n")
	}
	t := s.template()
	if len(notes) > 0 {
		t = append(t[:1:1], t[2:]...) // the notes stand above, without a limit
	}
	yamlObject(&b, t, 0)
	return []byte(b.String())
}
