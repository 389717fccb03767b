package identity

// Matches compares one value with a condition.
func Matches(c Condition, value string) bool {
	return c.check(map[string]any{c.Claim: value}).OK
}

// MatchOf lays a trust beside the claims of a token.
func MatchOf(t Trust, claims map[string]any) Match { return t.match(claims) }
