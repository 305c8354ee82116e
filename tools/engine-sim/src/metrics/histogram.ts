/** A Prometheus histogram of one label set. */
export class Histogram {
  private readonly counts: Float64Array;
  private readonly bounds: readonly number[];
  private sum = 0;
  private total = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length);
  }

  observe(value: number, times = 1): void {
    this.sum += value * times;
    this.total += times;
    for (let i = 0; i < this.bounds.length; i += 1) {
      if (value > this.bounds[i]!) continue;
      this.counts[i]! += times;
      return;
    }
  }

  /** Lines of the text exposition format; `labels` without braces. */
  render(name: string, labels: string): string {
    let cumulative = 0;
    let text = '';
    this.bounds.forEach((bound, i) => {
      cumulative += this.counts[i]!;
      text += `${name}_bucket{${labels},le="${bound}"} ${cumulative}\n`;
    });
    return `${text}${name}_bucket{${labels},le="+Inf"} ${this.total}\n${name}_sum{${labels}} ${this.sum}\n${name}_count{${labels}} ${this.total}\n`;
  }
}
