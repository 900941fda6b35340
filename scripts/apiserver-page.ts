/** The pages about the API server beside a real kube-apiserver. */
import { cell, type Figure } from './figure.ts';

interface Row {
  readonly what: string;
  readonly generator?: number;
  readonly real: Figure;
  readonly ours: Figure;
  readonly ratio?: number;
  readonly target: string;
  readonly reached: boolean;
}

interface Result {
  readonly command: string;
  readonly commit: string;
  readonly date: string;
  readonly machine: string;
  readonly rows: readonly Row[];
}

const manner = `in turn in one run on one machine, with the same client code. ConfigMaps of 2 KB, 32 requests in flight
on as many HTTP/1.1 connections over TLS, JSON, nothing compressed. Both wait for the disk before they acknowledge a
write: ours on SQLite with \`synchronous=FULL\`, theirs on an etcd of its own. Three members are joined to ours. Medians
of the rounds, smallest and largest in brackets; the ratio is the median of the rounds' own. "Generator": what the load
generator alone reaches against a server that does nothing. "CPU" is of the server's processes, with its store. Memory is
the peak, of kube-apiserver and etcd together.
`;

const intros = {
  home: `# The API server beside kube-apiserver

Objects that stay in the federation, beside a real kube-apiserver 1.37 with etcd, ${manner}`,
  propagating: `# The API server beside kube-apiserver, with objects that propagate

Objects that go on into three members, kube-apiservers on the same machine, beside one real kube-apiserver 1.37 with etcd
that keeps them to itself, ${manner}`,
};

export function apiserverPage(about: keyof typeof intros): (json: string) => string {
  return (json) => {
    const { command, commit, date, machine, rows } = JSON.parse(json) as Result;
    const lines = rows.map((row) => {
      const verdict = row.target === '' ? '' : row.reached ? 'reached' : '**missed**';
      const { what, generator = '', real, ours, ratio = '', target } = row;
      const cells = [what, generator, cell(real), cell(ours), ratio, target, verdict];
      return `| ${cells.join(' | ')} |`;
    });
    return [
      intros[about],
      `\`${command}\` at ${commit}, ${date}, ${machine}.\n`,
      '| | generator | kube-apiserver | ours | ratio | target | |',
      '|---|---|---|---|---|---|---|',
      ...lines,
      '',
    ].join('\n');
  };
}
