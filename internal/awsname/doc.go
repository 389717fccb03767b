// Package awsname knows how AWS names things: partitions, regions, accounts,
// ARNs, service principals, endpoints and ECR registries.
//
// One idea: every name is built from one table of partitions, and a name is
// accepted only if the name rebuilt from its parts is the same text. A new
// partition is one line of that table.
//
//	r, ok := awsname.ParseRegistry("222222222222.dkr.ecr.eu-west-1.amazonaws.com")
//	r.Account             // 222222222222
//	r.Partition()         // aws
//	r.RepositoryARN("a")  // arn:aws:ecr:eu-west-1:222222222222:repository/a
package awsname
