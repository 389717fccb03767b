package generate

import "strings"

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

func roleTemplate(r RoleResource, provides bool) (resources, outputs object) {
	if r.Trust == nil {
		return object{{"RolePolicy", object{
			{"Type", "AWS::IAM::RolePolicy"},
			{"Properties", object{
				{"RoleName", r.Name}, {"PolicyName", r.PermissionsName}, {"PolicyDocument", r.Permissions.tree()},
			}},
		}}}, nil
	}
	properties := object{{"RoleName", r.Name}}
	if r.MaxSession > 0 {
		properties = append(properties, member{"MaxSessionDuration", r.MaxSession})
	}
	properties = append(properties, member{"AssumeRolePolicyDocument", r.Trust.tree()})
	if r.Permissions != nil {
		properties = append(properties, member{"Policies", list{
			object{{"PolicyName", r.PermissionsName}, {"PolicyDocument", r.Permissions.tree()}},
		}})
	}
	role := object{{"Type", "AWS::IAM::Role"}}
	if provides {
		role = append(role, member{"DependsOn", "Issuer"})
	}
	resources = object{{"Role", append(role, member{"Properties", properties})}}
	if r.InstanceProfile {
		resources = append(resources, member{"InstanceProfile", object{
			{"Type", "AWS::IAM::InstanceProfile"},
			{"Properties", object{{"InstanceProfileName", r.Name}, {"Roles", list{reference("Role")}}}},
		}})
		outputs = append(outputs, member{"InstanceProfileArn", object{{"Value", attribute("InstanceProfile", "Arn")}}})
	}
	if r.Output {
		outputs = append(object{{"RoleArn", object{
			{"Description", "The role to name in repository policies and registry settings"},
			{"Value", attribute("Role", "Arn")},
		}}}, outputs...)
	}
	return resources, outputs
}

func reference(name string) object { return object{{"Ref", name}} }

func attribute(resource, name string) object {
	return object{{"Fn::GetAtt", list{resource, name}}}
}

// description joins notes within CloudFormation's limit of 1,024 bytes, whole
// notes only.
func description(notes []string) string {
	var kept []string
	size := 0
	for _, n := range notes {
		if size += len(n) + 1; size > 1024 {
			break
		}
		kept = append(kept, n)
	}
	return strings.Join(kept, " ")
}
