package iam

import (
	"errors"
	"slices"
)

// UnmarshalJSON reads what MarshalJSON wrote, so that a decision can travel.
// The statement is parsed as strictly as in a document.
func (s *Statement) UnmarshalJSON(data []byte) error {
	policy, err := Parse(slices.Concat([]byte(`{"Statement":`), data, []byte(`}`)))
	if err != nil {
		return err
	}
	if len(policy.Statements) != 1 {
		return errors.New("not one policy statement")
	}
	*s = policy.Statements[0]
	return nil
}
