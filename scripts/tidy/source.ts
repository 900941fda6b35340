/** Reads TypeScript files into the facts that the rules judge, with the compiler's own parser. */
import type {
  CallExpression,
  Identifier,
  ImportDeclaration,
  NewExpression,
  Node,
  PropertyAccessExpression,
  SourceFile as Tree,
} from 'typescript/unstable/ast';
import { SyntaxKind } from 'typescript/unstable/ast';
import { createVirtualFileSystem } from 'typescript/unstable/fs';
import { API } from 'typescript/unstable/sync';
import { limits } from './house.ts';

/** Files by their path from the root of the checkout, with `/` between folders. */
export type Files = ReadonlyMap<string, string>;

/** One broken rule. */
export interface Violation {
  readonly path: string;
  /** From 1; 0 for the file as a whole. */
  readonly line: number;
  readonly rule: string;
  readonly message: string;
}

/** Another file that this one needs. */
export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** Names taken for their values: none for a type import or an import for its effect. */
  readonly values: readonly string[];
  /** Gone before the program runs. */
  readonly typeOnly: boolean;
}

/** What the rules need to know about one TypeScript file. */
export interface Source {
  readonly path: string;
  readonly lines: readonly string[];
  readonly imports: readonly Import[];
  /** Relative paths in string literals: workers and other files that are named, not imported. */
  readonly mentions: readonly string[];
  readonly functions: readonly { name: string; line: number; lines: number }[];
  /** Globals and members that are read, such as `fetch`, `Date.now` and `new Date()`. */
  readonly uses: readonly { name: string; line: number }[];
  /** Lines of `export … from`. */
  readonly reexports: readonly number[];
  /** Lines on which one text or pattern, which no formatter breaks, takes up at least half. */
  readonly literalLines: ReadonlySet<number>;
  /** True when the file declares or does anything itself. */
  readonly ownStatements: boolean;
}

const root = '/tidy';

/** Parses all TypeScript files at once; nothing is resolved, checked or run. */
export function parseSources(files: Files): Source[] {
  const texts = [...files].filter(([path]) => path.endsWith('.ts'));
  const onDisk = Object.fromEntries(texts.map(([path, text]) => [`${root}/${path}`, text]));
  const project = `${root}/tsconfig.json`;
  const compilerOptions = { noLib: true, noResolve: true, types: [], noEmit: true };
  onDisk[project] = JSON.stringify({
    compilerOptions: { ...compilerOptions, module: 'esnext', target: 'esnext' },
    files: texts.map(([path]) => `./${path}`),
  });
  const api = new API({ cwd: root, fs: createVirtualFileSystem(onDisk) });
  try {
    const program = api.updateSnapshot({ openProjects: [project] }).getProjects()[0]?.program;
    return texts.map(([path, text]) => {
      const tree = program?.getSourceFile(`${root}/${path}`);
      if (!tree) throw new Error(`${path} could not be parsed`);
      return new Reader(path, text, tree).read();
    });
  } finally {
    api.close();
  }
}

const functionKinds: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.FunctionDeclaration,
  SyntaxKind.FunctionExpression,
  SyntaxKind.ArrowFunction,
  SyntaxKind.MethodDeclaration,
  SyntaxKind.Constructor,
  SyntaxKind.GetAccessor,
  SyntaxKind.SetAccessor,
]);

const literalKinds: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.StringLiteral,
  SyntaxKind.NoSubstitutionTemplateLiteral,
  SyntaxKind.TemplateExpression,
  SyntaxKind.RegularExpressionLiteral,
]);

const bindingKinds: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.VariableDeclaration,
  SyntaxKind.Parameter,
  SyntaxKind.BindingElement,
  SyntaxKind.FunctionDeclaration,
  SyntaxKind.ImportSpecifier,
  SyntaxKind.ImportClause,
]);

/** Kinds whose `name` is only a label and reads nothing. */
const labelKinds: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.PropertyAccessExpression,
  SyntaxKind.PropertyAssignment,
  SyntaxKind.PropertySignature,
  SyntaxKind.PropertyDeclaration,
  SyntaxKind.MethodSignature,
  SyntaxKind.MethodDeclaration,
  SyntaxKind.GetAccessor,
  SyntaxKind.SetAccessor,
]);

class Reader {
  readonly #path: string;
  readonly #text: string;
  readonly #tree: Tree;
  readonly #lineStarts: number[] = [0];
  readonly #declared = new Set<string>();
  readonly #imports: Import[] = [];
  readonly #mentions: string[] = [];
  readonly #functions: { name: string; line: number; lines: number }[] = [];
  readonly #uses: { name: string; line: number }[] = [];
  readonly #reexports: number[] = [];
  readonly #literalLines = new Set<number>();
  #ownStatements = false;

  constructor(path: string, text: string, tree: Tree) {
    this.#path = path;
    this.#text = text;
    this.#tree = tree;
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
      this.#lineStarts.push(at + 1);
    }
  }

  read(): Source {
    for (const statement of this.#tree.statements) this.#statement(statement);
    this.#visit(this.#tree);
    return {
      path: this.#path,
      lines: this.#text.replace(/\n$/, '').split('\n'),
      imports: this.#imports,
      mentions: this.#mentions,
      functions: this.#functions,
      // A name of the file's own is not the global of that name.
      uses: this.#uses.filter(({ name }) => !this.#declared.has(name)),
      reexports: this.#reexports,
      literalLines: this.#literalLines,
      ownStatements: this.#ownStatements,
    };
  }

  #statement(node: Node): void {
    if (node.kind === SyntaxKind.ImportDeclaration) {
      this.#importDeclaration(node as ImportDeclaration);
      return;
    }
    if (node.kind !== SyntaxKind.ExportDeclaration) {
      this.#ownStatements = true;
      return;
    }
    const { moduleSpecifier } = node as unknown as { moduleSpecifier?: Node };
    if (!moduleSpecifier) return;
    const line = this.#line(node);
    this.#reexports.push(line);
    const typeOnly = /^export\s+type\b/.test(node.getText(this.#tree));
    this.#imports.push({ specifier: textOf(moduleSpecifier), line, values: [], typeOnly });
  }

  #importDeclaration(node: ImportDeclaration): void {
    const text = node.getText(this.#tree);
    const typeOnly = /^import\s+type\b/.test(text);
    const names = /\{([^}]*)\}/.exec(text)?.[1]?.split(',') ?? [];
    const values = names
      .map((name) => name.trim())
      .filter((name) => name !== '' && !name.startsWith('type '))
      .map((name) => name.split(/\s+as\s+/)[0] as string);
    const onlyTypes = typeOnly || (/^import\s*\{/.test(text) && values.length === 0);
    const specifier = textOf(node.moduleSpecifier);
    const line = this.#line(node);
    this.#imports.push({
      specifier,
      line,
      values: typeOnly ? [] : values,
      typeOnly: onlyTypes,
    });
  }

  #visit(node: Node): void {
    if (functionKinds.has(node.kind)) this.#function(node);
    if (bindingKinds.has(node.kind)) this.#binding(node);
    if (literalKinds.has(node.kind)) this.#literal(node);
    if (node.kind === SyntaxKind.StringLiteral) this.#string(node);
    else if (node.kind === SyntaxKind.Identifier) this.#identifier(node as Identifier);
    else if (node.kind === SyntaxKind.PropertyAccessExpression) this.#member(node);
    else if (node.kind === SyntaxKind.NewExpression) this.#new(node as NewExpression);
    else if (node.kind === SyntaxKind.CallExpression) this.#call(node as CallExpression);
    node.forEachChild((child) => this.#visit(child));
  }

  #function(node: Node): void {
    const line = this.#line(node);
    const { name } = node as unknown as { name?: Node };
    this.#functions.push({
      name: name ? name.getText(this.#tree) : 'an unnamed function',
      line,
      lines: this.#lineAt(node.getEnd()) - line + 1,
    });
  }

  #binding(node: Node): void {
    const { name } = node as unknown as { name?: Node };
    if (name?.kind === SyntaxKind.Identifier) this.#declared.add(textOf(name));
  }

  #literal(node: Node): void {
    const start = node.getStart(this.#tree);
    const end = node.getEnd();
    const last = this.#lineAt(end);
    for (let line = this.#lineAt(start); line <= last; line++) {
      const from = Math.max(start, this.#lineStarts[line - 1] as number);
      const to = Math.min(end, this.#lineStarts[line] ?? end);
      if (to - from >= limits.columnsMax / 2) this.#literalLines.add(line);
    }
  }

  #string(node: Node): void {
    const text = textOf(node);
    if (/^\.{1,2}\/.*\.ts$/.test(text)) this.#mentions.push(text);
  }

  #identifier(node: Identifier): void {
    const { parent } = node;
    const { name } = parent as unknown as { name?: Node };
    if (name === node && labelKinds.has(parent.kind)) return;
    if (isTypePlace(parent.kind)) return;
    this.#uses.push({ name: textOf(node), line: this.#line(node) });
  }

  /** `globalThis.fetch` and `globalThis.Date.now` read the same things by a longer way. */
  #member(node: Node): void {
    const { expression, name } = node as PropertyAccessExpression;
    const left = expression.getText(this.#tree).replace(/^(globalThis|window|global)\./, '');
    const right = textOf(name);
    const isGlobal = /^(globalThis|window|global)$/.test(left);
    this.#uses.push({ name: isGlobal ? right : `${left}.${right}`, line: this.#line(node) });
  }

  #new(node: NewExpression): void {
    const count = node.arguments?.length ?? 0;
    if (node.expression.getText(this.#tree) === 'Date' && count === 0) {
      this.#uses.push({ name: 'new Date()', line: this.#line(node) });
    }
  }

  #call(node: CallExpression): void {
    if (node.expression.getText(this.#tree) === 'Date') {
      this.#uses.push({ name: 'Date()', line: this.#line(node) });
    }
    if (node.expression.kind !== SyntaxKind.ImportKeyword) return;
    const [specifier] = node.arguments;
    if (specifier?.kind !== SyntaxKind.StringLiteral) return;
    const line = this.#line(node);
    this.#imports.push({ specifier: textOf(specifier), line, values: [], typeOnly: false });
  }

  #line(node: Node): number {
    return this.#lineAt(node.getStart(this.#tree));
  }

  /** Line of a position, from 1. */
  #lineAt(position: number): number {
    let low = 0;
    let high = this.#lineStarts.length;
    while (low + 1 < high) {
      const middle = (low + high) >> 1;
      if ((this.#lineStarts[middle] as number) <= position) low = middle;
      else high = middle;
    }
    return low + 1;
  }
}

/** Places where a name stands for a type or is only being declared, not read. */
function isTypePlace(kind: SyntaxKind): boolean {
  return (
    kind === SyntaxKind.TypeReference ||
    kind === SyntaxKind.TypeQuery ||
    kind === SyntaxKind.QualifiedName ||
    kind === SyntaxKind.ImportSpecifier ||
    kind === SyntaxKind.ExportSpecifier
  );
}

function textOf(node: Node): string {
  return (node as unknown as { text: string }).text;
}
