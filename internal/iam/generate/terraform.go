package generate

import "strings"

type hclFile struct{ strings.Builder }

func (w *hclFile) notes(notes []string) {
	for _, n := range notes {
		w.WriteString("# " + n + "\n")
	}
}

// place says where the provider must point: an argument for the region exists
// only in the newest major version of the AWS provider.
func (w *hclFile) place(r ECR) {
	w.notes([]string{"For an aws provider with region " + r.Region + " in account " + r.Account + "."})
}

func (w *hclFile) block(header string, body object) {
	if w.Len() > 0 {
		w.WriteString("\n")
	}
	w.WriteString(header + " {\n" + hclMembers(body, 1, true) + "}\n")
}

func (w *hclFile) role(r RoleResource, provides bool) {
	label := identifier(r.Name)
	// A role that exists elsewhere is named, one of this file is referred to.
	var name any = r.Name
	if r.Trust != nil {
		body := object{{"name", r.Name}}
		if r.MaxSession > 0 {
			body = append(body, member{"max_session_duration", r.MaxSession})
		}
		body = append(body, member{"assume_role_policy", jsonencode(*r.Trust)})
		if provides {
			body = append(body, member{"depends_on", list{expression("aws_iam_openid_connect_provider.issuer")}})
		}
		w.block(`resource "aws_iam_role" `+hclString(label), body)
		name = expression("aws_iam_role." + label + ".name")
	}
	if r.Permissions != nil {
		w.block(`resource "aws_iam_role_policy" `+hclString(label), object{
			{"name", r.PermissionsName}, {"role", name}, {"policy", jsonencode(*r.Permissions)},
		})
	}
	if r.InstanceProfile {
		w.block(`resource "aws_iam_instance_profile" `+hclString(label), object{{"name", r.Name}, {"role", name}})
	}
	if r.Output && r.Trust != nil {
		w.block(`output "`+label+`_role_arn"`, object{{"value", expression("aws_iam_role." + label + ".arn")}})
	}
}

func jsonencode(p Policy) expression {
	return expression("jsonencode(" + hcl(p.tree(), 1) + ")")
}

// identifier makes a Terraform label of a name: team/app becomes team_app.
func identifier(name string) string {
	var b strings.Builder
	for i, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r == '_':
			b.WriteRune(r)
		case r >= '0' && r <= '9':
			if i == 0 {
				b.WriteByte('_')
			}
			b.WriteRune(r)
		default:
			b.WriteByte('_')
		}
	}
	return b.String()
}

func strings2list(in []string) list {
	out := make(list, len(in))
	for i, s := range in {
		out[i] = s
	}
	return out
}
