// Package reference reads image references and registry hosts.
//
// The one idea: a host is never matched by a pattern and then used as written.
// It is taken apart, rebuilt from its parts, and refused unless the result is
// the same text byte for byte. So nothing that merely resembles a registry can
// be sent that registry's credential.
//
//	img, err := reference.ParseImage("222222222222.dkr.ecr.eu-west-1.amazonaws.com/team/app:1.4")
//	host, err := hosts.Parse(img.Host) // mappings first, then the grammar
//	if host.ECR != nil {
//		fmt.Println(host.ECR.Region, host.ECR.APIEndpoint())
//	}
package reference
