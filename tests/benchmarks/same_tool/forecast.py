"""The tool that both servers serve."""


async def forecast(city: str, days: int) -> str:
    """Say what the weather will be."""
    return f"Sunny in {city} for {days} days"
