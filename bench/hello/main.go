// Command hello is the floor below every program: a static one that says a word.
package main

import "os"

func main() { _, _ = os.Stdout.WriteString("hello\n") }
