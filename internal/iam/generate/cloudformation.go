package generate

import "strings"

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
