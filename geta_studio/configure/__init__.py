"""The Configure tab: bounds, budget, schedule, data, checked as they are typed."""
