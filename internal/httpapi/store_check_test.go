package httpapi_test

import (
	"github.com/pullpass/pullpass/internal/httpapi"
	"github.com/pullpass/pullpass/internal/store"
)

var _ httpapi.Store = (*store.DB)(nil)
