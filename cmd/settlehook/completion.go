package main

import (
	"fmt"

	"github.com/alecthomas/kong"
	kongcompletion "github.com/jotaen/kong-completion"
	"github.com/posener/complete"
)

// completionCmd prints what makes a shell complete settlehook's commands.
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"The shell: bash, zsh or fish."`
}

// Help stands below the usage.
func (completionCmd) Help() string {
	return `Commands, flags and the values that a flag knows are then completed by TAB. For this shell:

    source <(settlehook completion bash)
    source <(settlehook completion zsh)
    settlehook completion fish | source

To stay, put the line into ~/.bashrc, into ~/.zshrc (below compinit) or, for fish, run
settlehook completion fish >~/.config/fish/completions/settlehook.fish`
}

// completions ask the program that is typed, wherever it lies, with the line so
// far in COMP_LINE.
var completions = map[string]string{
	"bash": bashCompletion,
	"zsh":  "autoload -U +X bashcompinit && bashcompinit\n" + bashCompletion,
	"fish": `function __complete_settlehook
    set -lx COMP_LINE (commandline -cp)
    test -z (commandline -ct)
    and set COMP_LINE "$COMP_LINE "
    settlehook
end
complete -f -c settlehook -a "(__complete_settlehook)"
`,
}

const bashCompletion = `_settlehook() {
    local IFS=$'\n'
    COMPREPLY=($(COMP_LINE="$COMP_LINE" COMP_POINT="$COMP_POINT" "$1" 2>/dev/null))
}
complete -o default -o bashdefault -F _settlehook settlehook
`

// Run prints it.
func (c *completionCmd) Run(io streams) error {
	_, err := fmt.Fprint(io.out, completions[c.Shell])
	return err
}

// completes answers a shell that asks for completions, if one does.
func completes(parser *kong.Kong, answered func(code int)) {
	kongcompletion.Register(parser,
		kongcompletion.WithExitFunc(answered),
		kongcompletion.WithPredictors(map[string]complete.Predictor{
			"flow":    complete.PredictSet("collect", "pay"),
			"outcome": complete.PredictSet("settled", "failed", "reversed", "expired", "review", "resolved"),
		}))
}
