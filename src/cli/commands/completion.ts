/** `ubernetes completion`: a script that completes commands and options. */
import type { Command } from 'commander';
import type { CommandContext } from './join.ts';

export function addCompletion(program: Command, { output }: CommandContext): void {
  program
    .command('completion <shell>')
    .description('print a completion script for bash or zsh')
    .addHelpText('after', '\nExamples:\n  source <(ubernetes completion bash)')
    .action((shell: string) => {
      if (shell !== 'bash' && shell !== 'zsh') {
        program.error(`error: no completion for ${shell}; there is one for bash and zsh`);
      }
      output.line(script(program, shell));
    });
}

/** A word of the command line, as bash names it. */
function word(index: string): string {
  return `\${COMP_WORDS[${index}]}`;
}

function script(program: Command, shell: string): string {
  const commands = program.commands.map((command) => command.name());
  const cases = program.commands.map((command) => {
    const options = command.options.flatMap((option) => (option.long ? [option.long] : []));
    return `    ${command.name()}) words="${options.join(' ')} --help" ;;`;
  });
  const lines = [
    ...(shell === 'zsh' ? ['autoload -U +X bashcompinit && bashcompinit'] : []),
    '_ubernetes() {',
    `  local words="${commands.join(' ')} --help --version"`,
    `  case "${word('1')}" in`,
    ...cases,
    '  esac',
    `  COMPREPLY=($(compgen -o default -W "$words" -- "${word('COMP_CWORD')}"))`,
    '}',
    'complete -F _ubernetes ubernetes',
  ];
  return lines.join('\n');
}
