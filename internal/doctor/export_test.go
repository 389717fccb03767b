package doctor

// SymptomOfError finds the line of one of this house's error codes.
func SymptomOfError(code string) (Symptom, bool) { return symptomOfError(code) }
