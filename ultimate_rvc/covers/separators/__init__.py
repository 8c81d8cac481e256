"""A song taken apart: `steps.steps_for` turns options into separations, one module a method."""
