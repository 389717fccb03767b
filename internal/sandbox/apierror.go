package sandbox

import (
	"fmt"
	"net/http"
)

// apiError is a refusal in AWS's words. The protocols write it differently;
// code is the name of the query protocol, jsonCode the one of the JSON
// protocol where the two differ.
type apiError struct {
	status   int
	code     string
	jsonCode string
	message  string
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func (e *apiError) jsonName() string {
	if e.jsonCode != "" {
		return e.jsonCode
	}
	return e.code
}

func apiErrorf(status int, code, format string, args ...any) *apiError {
	return &apiError{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

func badRequest(code, format string, args ...any) *apiError {
	return apiErrorf(http.StatusBadRequest, code, format, args...)
}

func accessDenied(format string, args ...any) *apiError {
	return &apiError{
		status: http.StatusForbidden, code: "AccessDenied", jsonCode: "AccessDeniedException",
		message: fmt.Sprintf(format, args...),
	}
}

// The signature errors. ECR's JSON protocol has its own names and answers 400.
func errMissingToken() *apiError {
	return &apiError{
		http.StatusForbidden,
		"MissingAuthenticationToken",
		"MissingAuthenticationTokenException",
		"Request is missing Authentication Token",
	}
}

func errUnknownKey() *apiError {
	return &apiError{
		http.StatusForbidden,
		"InvalidClientTokenId",
		"UnrecognizedClientException",
		"The security token included in the request is invalid.",
	}
}

func errExpiredToken() *apiError {
	return &apiError{
		http.StatusForbidden,
		"ExpiredToken",
		"ExpiredTokenException",
		"The security token included in the request is expired",
	}
}

func errIncompleteSignature(format string, args ...any) *apiError {
	return &apiError{
		http.StatusBadRequest,
		"IncompleteSignature",
		"IncompleteSignatureException",
		fmt.Sprintf(format, args...),
	}
}

func errSignature(format string, args ...any) *apiError {
	return &apiError{
		http.StatusForbidden,
		"SignatureDoesNotMatch",
		"InvalidSignatureException",
		fmt.Sprintf(format, args...),
	}
}

func errThrottled() *apiError {
	return &apiError{http.StatusBadRequest, "Throttling", "ThrottlingException", "Rate exceeded"}
}

func errValidation(format string, args ...any) *apiError {
	return &apiError{http.StatusBadRequest, "ValidationError", "InvalidParameterException", fmt.Sprintf(format, args...)}
}
