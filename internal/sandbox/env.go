package sandbox

func orAny(account string) string {
	if account == "" {
		return "(any)"
	}
	return account
}
