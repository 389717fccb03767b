package generate

import "strings"

// isExternalID follows STS's grammar. The value is never echoed: some people
// treat it as a secret.
func isExternalID(s string) bool {
	if len(s) < 2 || len(s) > 1224 {
		return false
	}
	for i := 0; i < len(s); i++ {
		ch := s[i]
		switch {
		case ch >= 'a' && ch <= 'z', ch >= 'A' && ch <= 'Z', ch >= '0' && ch <= '9':
		case strings.IndexByte("+=,.@:/-_", ch) >= 0:
		default:
			return false
		}
	}
	return true
}
