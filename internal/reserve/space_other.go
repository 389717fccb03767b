//go:build !linux && !darwin

package reserve

import "errors"

// space is not known here: there is no reserve.
func space(string) (free, total int64, err error) { return 0, 0, errors.ErrUnsupported }
