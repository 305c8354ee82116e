/** What a sleeping engine gives back and gets again, by vLLM's tags. */
const tags = ['weights', 'kv_cache'] as const;

/**
 * vLLM's sleep: level 1 keeps the weights in host memory, level 2 drops them. What is woken from level 2 without loading its
 * weights anew answers, and says nothing of it: what it answers is noise (vllm-project/vllm#29341).
 */
export class Sleeper {
  /** 0: awake. */
  level: 0 | 1 | 2 = 0;
  private readonly away = new Set<string>();
  private discarded = false;

  /** Its weights are not those of the model. */
  get noise(): boolean {
    return this.discarded;
  }

  /** One that sleeps already stays as it is, as in vLLM. */
  sleep(level: 1 | 2): void {
    if (this.level > 0) return;
    this.level = level;
    for (const tag of tags) this.away.add(tag);
    if (level === 2) this.discarded = true;
  }

  /** It sleeps until all of it is back. */
  wake(some: readonly string[]): void {
    for (const tag of some.length > 0 ? some : tags) this.away.delete(tag);
    if (this.away.size === 0) this.level = 0;
  }

  /** False: there is no memory yet to load them to. */
  reloadWeights(): boolean {
    if (this.away.has('weights')) return false;
    this.discarded = false;
    return true;
  }
}
