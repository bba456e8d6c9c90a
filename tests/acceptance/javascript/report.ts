/** One thing that was expected of the server: what it is, whether it held, and if not, why. */
export type Check = { name: string; ok: boolean; detail: string };

const checks: Check[] = [];

/** Runs one check and notes how it went; `undefined` when it failed, so that later ones can still be tried. */
export async function check<T>(name: string, run: () => Promise<T>): Promise<T | undefined> {
  try {
    const result = await run();
    checks.push({ name, ok: true, detail: '' });
    return result;
  } catch (error) {
    checks.push({ name, ok: false, detail: text(error) });
    return undefined;
  }
}

export function report(): Check[] {
  return checks;
}

/** Fails the running check with both values unless they are the same JSON. */
export function same(actual: unknown, expected: unknown, what: string): void {
  const [left, right] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (left !== right) throw new Error(`${what}: expected ${right}, got ${left}`);
}

/** Fails the running check unless `condition` holds. */
export function holds(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

/** What a call of the client brought, or a failed check with the error that it brought instead. */
export function data<T>(result: { data?: T; error?: unknown; response?: Response }, status?: number): T {
  if (result.error !== undefined) throw new Error(`${result.response?.status ?? 'no reply'}: ${text(result.error)}`);
  if (status !== undefined) same(result.response?.status, status, 'status');
  return result.data as T;
}

/** The problem document that a call of the client ended in, which says its status inside. */
export function problem(result: { error?: unknown; response?: Response }, status: number): Problem {
  const error = result.error as Problem | undefined;
  holds(error, `expected ${status}, got ${result.response?.status} without an error`);
  same(error.status, status, `status inside ${text(error)}`);
  holds(error.detail, 'detail is empty');
  return error;
}

type Problem = { status: number; detail: string; errors?: Record<string, string[]> };

function text(error: unknown): string {
  return error instanceof Error ? `${error.message} ${text(error.cause ?? '')}`.trim() : JSON.stringify(error) ?? '';
}
