/** The pages about the API server beside a real kube-apiserver. */
import { cell, type Figure, type Result, type Row, sourceOf, tableOf } from './figure.ts';

interface Compared extends Row {
  readonly generator?: number;
  readonly real: Figure;
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
    const result = JSON.parse(json) as Result<Compared>;
    const table = tableOf(result.rows, {
      generator: ({ generator = '' }) => generator,
      'kube-apiserver': ({ real }) => cell(real),
      ours: ({ ours }) => cell(ours),
    });
    return [intros[about], `${sourceOf(result)}\n`, ...table, ''].join('\n');
  };
}
