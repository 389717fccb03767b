package iam

// deniedBecause are AWS's words for each layer.
var deniedBecause = map[Kind]string{
	ResourceControlPolicy: "resource control policy",
	ServiceControlPolicy:  "service control policy",
	ResourcePolicy:        "resource-based policy",
	RepositoryPolicy:      "resource-based policy",
	RegistryPolicy:        "resource-based policy",
	TrustPolicy:           "resource-based policy",
	IdentityPolicy:        "identity-based policy",
	PermissionsBoundary:   "permissions boundary",
	SessionPolicy:         "session policy",
}

func article(noun string) string {
	if noun != "" && noun[0] == 'i' {
		return "n " + noun
	}
	return " " + noun
}
