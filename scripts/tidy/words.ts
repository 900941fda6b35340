/** Rules about names and words, in code and in prose. */
import { emptyNames, isData } from './house.ts';
import type { Files, Violation } from './source.ts';

/** A helper lives beside its noun; a folder or file is called what is in it. */
export function emptyFolderNames(files: Files): Violation[] {
  return [...files.keys()].flatMap((path) => {
    const parts = path.split('/');
    const names = [...parts.slice(0, -1), (parts.at(-1) as string).replace(/(\.test)?\.ts$/, '')];
    const name = names.find((each) => emptyNames.has(each));
    if (name === undefined) return [];
    const message = `"${name}" says nothing about what is in it`;
    return [{ path, line: 0, rule: 'empty-name', message }];
  });
}

/** Joined, so that this file does not break its own rule. */
const unfinished = new RegExp(`\\b(${['FIX' + 'ME', 'TO' + 'DO', 'X' + 'XX'].join('|')})\\b`);

/** Unfinished work is done or written down as an issue, not left in the text. */
export function unfinishedMarks(files: Files): Violation[] {
  return eachLine(files, unfinished, 'unfinished', (mark) => `${mark} left behind`);
}

const homes = ['home', 'root', 'Users', 'work', 'workspace', 'workspaces'];
const machinePath = new RegExp(`(?<![\\w.$}\\])*-])/(${homes.join('|')})/[\\w.-]+`);

/** Nothing depends on where somebody's checkout or home folder is. */
export function machinePaths(files: Files): Violation[] {
  return eachLine(files, machinePath, 'machine-path', (path) => `${path} is some machine's own`);
}

function eachLine(
  files: Files,
  pattern: RegExp,
  rule: string,
  say: (match: string) => string,
): Violation[] {
  return [...files]
    .filter(([path, text]) => !isData(path) && pattern.test(text))
    .flatMap(([path, text]) =>
      text.split('\n').flatMap((content, index) => {
        const match = pattern.exec(content);
        return match ? [{ path, line: index + 1, rule, message: say(match[0]) }] : [];
      }),
    );
}
